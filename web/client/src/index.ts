export { connect, EMPTY, type Inbox, type Snapshot } from "./inbox.ts";
export type { ConnectOptions, Filter, Item, Notification, State, Status } from "./protocol.ts";
