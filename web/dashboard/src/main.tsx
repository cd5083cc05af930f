import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { takeToken } from "./token.ts";

// Before anything is drawn or asked: the token leaves the address bar.
const token = takeToken();
const root = document.getElementById("root");
if (root === null) throw new Error("the page has no root");
createRoot(root).render(
  <StrictMode>
    <App token={token} />
  </StrictMode>,
);
