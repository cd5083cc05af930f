/** One inbox, watched by each of the adapters. */

import { connect } from "@bellhop/client";
import { mount } from "svelte";
import { createApp } from "vue";
import { config, tokenOf } from "../config.ts";
import Bell from "./Bell.svelte";
import { draw } from "./react.ts";
import { VueBell } from "./vue.ts";

const [ann] = (await config()).users;
if (ann) {
  const path = new URL("../socket.io/", document.baseURI).pathname;
  const inbox = connect({ getToken: () => tokenOf(ann), path });
  const place = (id: string): HTMLElement => document.getElementById(id) as HTMLElement;
  draw(place("react"), inbox);
  createApp(VueBell, { inbox }).mount(place("vue"));
  mount(Bell, { target: place("svelte"), props: { inbox } });
}
