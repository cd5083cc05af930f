declare module "*.svelte" {
  import type { Component } from "svelte";

  const component: Component<{ inbox: import("@bellhop/client").Inbox }>;
  export default component;
}
