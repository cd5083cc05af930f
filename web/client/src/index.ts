export { connect } from "./connect.ts";
export { connection } from "./connection.ts";
export type { Inbox } from "./inbox.ts";
export type {
  Action,
  Ask,
  ConnectOptions,
  Filter,
  Item,
  Link,
  Notification,
  Receive,
  Since,
  State,
  Status,
} from "./protocol.ts";
export { EMPTY, type Snapshot } from "./snapshot.ts";
export { subject } from "./token.ts";
