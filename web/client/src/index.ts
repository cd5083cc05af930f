export { connection } from "./connection.ts";
export { connect, EMPTY, type Inbox, type Snapshot } from "./inbox.ts";
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
export { subject } from "./token.ts";
