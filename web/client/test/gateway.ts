/**
 * A gateway small enough to read: the namespace "/" of the protocol over the real Socket.IO server.
 *
 * Beside what a gateway does it can be told to misbehave: to lose, repeat, refuse, go away and begin anew.
 */

import { once } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { Server, type Socket } from "socket.io";

export interface Kept {
  id: string;
  room: string;
  seq: number | null;
  type: string;
  category?: string;
  title: string;
  body: string;
  link: string | null;
  data: Record<string, unknown>;
  created_at: string;
  collapse_key?: string;
  collapsed?: number;
  actions?: { id: string; label: string; style: string; link?: string }[];
  image?: string;
}

interface Page {
  before?: string;
  limit?: number;
  type?: string[];
  category?: string[];
  unread?: true;
  archived?: true;
  snoozed?: true;
}

/** What of a notification an act makes otherwise. */
interface Acted {
  read?: boolean;
  dismissed?: boolean;
  archived?: boolean;
  snoozed_until?: string | null;
  returned_at?: string | undefined;
  acted?: string;
}

/** A token as an identity provider would give it; of two of one user that with the higher `serial` is the newer. */
export const token = (sub: string, serial = 0, topics: string[] = []): string =>
  ["e30", Buffer.from(JSON.stringify({ sub, iat: serial, topics })).toString("base64url"), "x"].join(".");

interface Tree {
  [name: string]: unknown;
}

/** RFC 7396; what says nothing any more is left out. */
const merged = (before: Tree, patch: Tree): Tree => {
  const result = { ...before };
  for (const [name, value] of Object.entries(patch)) {
    const isTree = typeof value === "object" && value !== null && !Array.isArray(value);
    const inner = isTree ? merged((result[name] ?? {}) as Tree, value as Tree) : value;
    if (inner === null || (isTree && !Object.keys(inner as Tree).length)) delete result[name];
    else result[name] = inner;
  }
  return result;
};

/** As a gateway's catalog would have it: of each type its category, and whether it is critical. */
const TYPES = {
  ORDER_UPDATE: ["orders", "Orders", false],
  ORDER_CONFIRMATION: ["orders", "Orders", true],
  SALE_OFFER: ["offers", "Offers", false],
  PASSWORD_RESET: ["account", "Account", true],
} as const;

const claims = (text: string): { sub: string; topics?: string[] } =>
  JSON.parse(Buffer.from(text.split(".")[1] ?? "", "base64url").toString());

export class Gateway {
  url = "";
  replayLimit = 500;
  /** Told in `ready`; undefined as long as a test does not want it, as by an older gateway. */
  epoch: string | undefined;
  /** Every request, in order: what was asked, with what. */
  readonly asked: [event: string, payload: Record<string, unknown>][] = [];
  /** The `since` of every connection let in. */
  readonly greeted: Record<string, number>[] = [];
  readonly tokens: string[] = [];
  refuse: ((token: string) => { code: string; retry: boolean } | undefined) | undefined;
  fail: ((event: string) => string | undefined) | undefined;
  /** What happens between the making of an answer and its leaving. */
  meanwhile: ((event: string) => void) | undefined;
  kept: Kept[] = [];
  /** What the users do not want to be shown in shared rooms. */
  muted: string[] = [];
  /** What everybody has chosen. */
  chosen: Tree = {};
  version = 0;
  private readonly read = new Set<string>();
  private readonly seen = new Set<string>();
  private readonly dismissed = new Set<string>();
  private readonly acts = new Map<string, Acted>();
  private turn = 0;
  readonly clicked = new Set<string>();
  /** What the links of mails are of, by their tokens. */
  readonly tracked = new Map<string, string>();
  private http!: HttpServer;
  private readonly path: string;
  private io!: Server;
  /** Sequences never restart, whatever is recalled. */
  private heads: Record<string, number> = {};
  private clock = 0;
  private port = 0;

  constructor(path = "/socket.io/") {
    this.path = path;
  }

  async start(): Promise<this> {
    this.http = createServer();
    this.io = new Server(this.http, { pingInterval: 60_000, path: this.path });
    this.io.use((socket, next) => {
      const given = socket.handshake.auth.token as string;
      this.tokens.push(given);
      socket.data.token = given;
      const data = this.refuse?.(given);
      next(data && Object.assign(new Error(data.code), { data }));
    });
    this.io.on("connection", (socket) => this.greet(socket));
    await this.listen();
    this.port = (this.http.address() as AddressInfo).port;
    this.url = `http://127.0.0.1:${this.port}`;
    return this;
  }

  /** A port that was its own may be another's connection for a moment. */
  private async listen(): Promise<void> {
    for (let attempt = 1; ; attempt++)
      try {
        this.http.listen(this.port, "127.0.0.1");
        await once(this.http, "listening");
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE" || attempt === 100) throw error;
        await pause(50);
      }
  }

  /** Gone, and everybody's connection with it. */
  async stop(): Promise<void> {
    // Without a word: a packet that disconnects would tell the client to stay away.
    for (const socket of this.sockets) socket.conn.close();
    this.http.closeAllConnections();
    await this.io.close();
  }

  get sockets(): Socket[] {
    return [...this.io.sockets.sockets.values()];
  }

  /** Forgets everything, as a gateway with a new store does. */
  forget(): void {
    this.kept = [];
    this.heads = {};
    this.clock = 0;
  }

  /** Goes back to the first `count` notifications, as a store does that is put back. */
  putBack(count: number, epoch: string | undefined): void {
    this.kept = this.kept.slice(0, count);
    this.heads = {};
    for (const n of this.kept) if (n.seq !== null) this.heads[n.room] = n.seq;
    this.epoch = epoch;
  }

  /** Keeps it and tells whoever is in the room; with `silent` the telling is lost. */
  emit(
    room: string,
    title: string,
    { silent = false, type = "NOTE", category = "", store = true, collapse = "" } = {},
  ): Kept {
    const seq = store ? this.head(room) + 1 : null;
    if (seq !== null) this.heads[room] = seq;
    const at = ++this.clock;
    const id = `0199a000-${at.toString(16).padStart(4, "0")}-7000-8000-${at.toString(16).padStart(12, "0")}`;
    const created_at = new Date(1_760_000_000_000 + at * 1000).toISOString();
    const notification: Kept = { id, room, seq, type, title, body: "", link: null, data: {}, created_at };
    if (category) notification.category = category;
    if (collapse) {
      const old = this.kept.find((n) => n.room === room && n.collapse_key === collapse);
      this.kept = this.kept.filter((n) => n !== old);
      Object.assign(notification, { collapse_key: collapse, collapsed: (old?.collapsed ?? 0) + 1 });
    }
    if (store) this.kept.push(notification);
    if (!silent) this.io.to(room).emit("notification", notification);
    return notification;
  }

  tell(event: string, payload: object): void {
    this.io.emit(event, payload);
  }

  /** All users have chosen so. */
  mute(...types: string[]): void {
    this.muted = types;
    for (const socket of this.sockets) socket.emit("inbox", { ...this.count(socket), muted: types });
  }

  recall(id: string): void {
    const { room, seq } = this.kept.find((n) => n.id === id) as Kept;
    this.kept = this.kept.filter((n) => n.id !== id);
    this.io.to(room).emit("recalled", { id, room, seq });
    for (const socket of this.sockets) socket.emit("inbox", this.count(socket));
  }

  /** Another device of the user reads. */
  readElsewhere(...ids: string[]): void {
    for (const id of ids) this.read.add(id);
    for (const socket of this.sockets) socket.emit("inbox", this.count(socket));
  }

  /** Another device of the user dismisses what nobody is told of any more. */
  dismissElsewhere(...ids: string[]): void {
    for (const id of ids) this.dismissed.add(id);
  }

  /** Has it done on all devices of the user, as an act that the gateway was asked for. */
  did(event: string, ids: string[], item: Acted): { unread: number } {
    for (const id of ids) {
      this.acts.set(id, { ...this.acts.get(id), ...item });
      if (item.read) this.read.add(id);
      if (item.read === false && this.read.delete(id)) this.turn++;
    }
    for (const socket of this.sockets)
      socket.emit("inbox", { ...this.count(socket), did: { event, ids, item } });
    return this.count(this.sockets[0] as Socket);
  }

  /** A snooze is over. */
  bringBack(id: string): void {
    const back = { read: false, snoozed_until: null, returned_at: new Date(1_770_000_000_000).toISOString() };
    this.acts.set(id, back);
    this.read.delete(id);
    this.turn++;
    const notifications = this.kept.filter((n) => n.id === id).map((n) => this.item(n));
    for (const socket of this.sockets)
      socket.emit("inbox", { ...this.count(socket), did: { event: "back", ids: [id], notifications } });
  }

  private item(n: Kept): object {
    const { dismissed: _, archived, snoozed_until, ...acted } = this.acts.get(n.id) ?? {};
    return {
      ...n,
      ...acted,
      read: this.read.has(n.id),
      seen: this.seen.has(n.id),
      clicked: this.clicked.has(n.id),
      ...(archived && { archived }),
      ...(snoozed_until && { snoozed_until }),
    };
  }

  close(reason: string, reconnect: boolean, retry_after = 0): void {
    for (const socket of this.sockets) {
      socket.emit("closing", { reason, reconnect, retry_after });
      if (reconnect) socket.conn.close();
      else socket.disconnect();
    }
  }

  /** Chooses as another device of the user would. */
  choose(patch: object): void {
    this.chosen = merged(this.chosen, patch as Tree);
    this.version++;
    this.tell("preferences", this.preferences());
  }

  preferences(): object {
    const of = (place: string): Record<string, Record<string, boolean>> =>
      (this.chosen[place] ?? {}) as never;
    const cell = (type: string, channel: string): object => {
      const [category, , critical] = TYPES[type as keyof typeof TYPES];
      if (critical) return { value: true, from: "locked", locked: true };
      if (((this.chosen.channels ?? {}) as Tree)[channel] === false)
        return { value: false, from: "channel", locked: false };
      const own = of("types")[type]?.[channel];
      if (own !== undefined) return { value: own, from: "type", locked: false };
      const all = of("categories")[category]?.[channel];
      if (all !== undefined) return { value: all, from: "category", locked: false };
      return { value: true, from: "default", locked: false };
    };
    return {
      channels: {},
      categories: {},
      types: {},
      timezone: null,
      locale: null,
      quiet_hours: null,
      tracking: null,
      ...this.chosen,
      version: this.version,
      locales: ["en", "de"],
      grid: Object.entries(TYPES).map(([type, [category, name]]) => ({
        category,
        name,
        type,
        type_name: type === "SALE_OFFER" ? "Sales" : null,
        channels: { in_app: cell(type, "in_app"), email: cell(type, "email") },
      })),
    };
  }

  private head(room: string): number {
    return this.heads[room] ?? 0;
  }

  private roomsOf(socket: Socket): string[] {
    const { sub, topics = [] } = claims(socket.data.token);
    return [`user:${sub}`, ...topics.map((topic) => `topic:${topic}`), "all"];
  }

  private mine(socket: Socket): Kept[] {
    const rooms = this.roomsOf(socket);
    return this.kept.filter(
      (n) =>
        rooms.includes(n.room) &&
        !this.dismissed.has(n.id) &&
        (n.room === rooms[0] || !this.muted.includes(n.type)),
    );
  }

  /** How much is unread of what there is now. */
  private count(socket: Socket): { unread: number; heads: Record<string, number> } {
    return {
      unread: this.mine(socket).filter((n) => !this.read.has(n.id)).length,
      heads: Object.fromEntries(this.roomsOf(socket).map((room) => [room, this.head(room)])),
      ...(this.turn && { turn: this.turn }),
    };
  }

  private missed(
    rooms: string[],
    { epoch, ...since }: Record<string, number> & { epoch?: never },
  ): { missed: Kept[]; resync: string[] } {
    if (epoch && this.epoch && epoch !== this.epoch)
      return { missed: [], resync: rooms.filter((room) => room in since) };
    const missed: Kept[] = [];
    const resync: string[] = [];
    for (const room of rooms) {
      const from = since[room];
      if (from === undefined) continue;
      const behind = this.kept.filter((n) => n.room === room && (n.seq ?? 0) > from);
      if (behind.length > this.replayLimit) resync.push(room);
      else missed.push(...behind);
    }
    return { missed, resync };
  }

  private greet(socket: Socket): void {
    const user = claims(socket.data.token).sub;
    const rooms = this.roomsOf(socket);
    const since = (socket.handshake.auth.since ?? {}) as Record<string, number>;
    this.greeted.push({ ...since });
    socket.join(rooms);
    const { missed, resync } = this.missed(rooms, since);
    for (const n of missed) socket.emit("notification", n);
    socket.emit("ready", {
      user,
      ...this.count(socket),
      replayed: missed.length,
      resync,
      epoch: this.epoch,
      ...(this.muted.length ? { muted: this.muted } : {}),
      expires_at: "",
    });
    const on = (event: string, answer: (payload: never) => object): void => {
      socket.on(event, (payload, done) => {
        this.asked.push([event, payload]);
        const code = this.fail?.(event);
        const made = code
          ? { ok: false, error: { code, message: code } }
          : { ok: true, ...answer(payload as never) };
        this.meanwhile?.(event);
        done(made);
      });
    };
    const marking = (into: Set<string>) => (payload: { ids?: string[]; all?: true }) => {
      for (const id of payload.ids ?? this.mine(socket).map((n) => n.id)) into.add(id);
      const count = this.count(socket);
      for (const other of this.sockets)
        if (this.roomsOf(other)[0] === rooms[0] && into !== this.seen) other.emit("inbox", count);
      return count;
    };
    on("read", marking(this.read));
    on("dismiss", ({ ids }: { ids: string[] }) => {
      for (const id of ids) this.dismissed.add(id);
      return this.did("dismiss", ids, { read: true, dismissed: true });
    });
    on("undismiss", ({ ids }: { ids: string[] }) => {
      for (const id of ids) this.dismissed.delete(id);
      const back = ids.filter((id) => this.kept.some((n) => n.id === id));
      return this.did("undismiss", back, { dismissed: false });
    });
    on("click", ({ id, token }: { id?: string; token?: string }) => {
      const marked = id ?? (token && this.tracked.get(token)) ?? null;
      if (marked) this.clicked.add(marked);
      return { id: marked, ...marking(this.read)({ ids: marked ? [marked] : [] }) };
    });
    on("seen", (payload) => {
      marking(this.seen)(payload);
      return {};
    });
    on("archive", ({ ids }: { ids: string[] }) =>
      this.did("archive", ids, { read: true, archived: true, snoozed_until: null }),
    );
    on("unarchive", ({ ids }: { ids: string[] }) => this.did("unarchive", ids, { archived: false }));
    on("unread", ({ ids }: { ids: string[] }) =>
      this.did("unread", ids, { read: false, archived: false, snoozed_until: null }),
    );
    on("snooze", ({ id, until }: { id: string; until: string }) =>
      this.did("snooze", [id], { read: true, archived: false, snoozed_until: until }),
    );
    on("act", ({ id, action }: { id: string; action: string }) => {
      const acted = this.acts.get(id)?.acted ?? action;
      return { ...this.did("act", [id], { read: true, acted }), acted };
    });
    on("token", (payload: { token: string }) => {
      const before = this.roomsOf(socket);
      socket.data.token = payload.token;
      const after = this.roomsOf(socket);
      const joined = after.filter((room) => !before.includes(room));
      const left = before.filter((room) => !after.includes(room));
      for (const room of left) socket.leave(room);
      socket.join(joined);
      const heads = Object.fromEntries(joined.map((room) => [room, this.head(room)]));
      socket.emit("rooms", { joined, left, heads });
      socket.emit("inbox", this.count(socket));
      return { expires_at: this.tokens.push(payload.token) };
    });
    on("preferences", ({ set }: { set?: object }) => {
      if (set) this.choose(set);
      return this.preferences();
    });
    on("replay", (payload: { since: Record<string, number> }) => {
      const { missed: notifications, resync } = this.missed(this.roomsOf(socket), payload.since);
      return { notifications, resync, ...this.count(socket) };
    });
    on("history", (asked: Page) => {
      const found = this.mine(socket)
        .filter((n) => !asked.before || n.id < asked.before)
        .filter((n) => !asked.type || asked.type.includes(n.type))
        .filter((n) => !asked.category || asked.category.includes(n.category ?? ""))
        .filter((n) => !asked.unread || !this.read.has(n.id))
        .filter((n) => !this.acts.get(n.id)?.archived === !asked.archived)
        .filter((n) => !this.acts.get(n.id)?.snoozed_until === !asked.snoozed)
        .reverse();
      const page = found.slice(0, asked.limit ?? 20);
      return {
        notifications: page.map((n) => this.item(n)),
        next: found.length > page.length ? (page.at(-1)?.id ?? null) : null,
        ...(!asked.before && { returned: found.map((n) => this.item(n)).filter((n) => "returned_at" in n) }),
      };
    });
  }
}
