import { connection } from "next/server";
import { Bell } from "./bell.jsx";

export const metadata = { title: "Shop" };

/** Drawn on the server for each request, with what hangs on a connection as an island in it. */
export default async function Layout({ children }) {
  await connection();
  return (
    <html lang="en">
      <body>
        <header>
          <Bell url={process.env.BELLHOP_URL} />
        </header>
        <main>{children}</main>
      </body>
    </html>
  );
}
