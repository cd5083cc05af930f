interface Turn {
  hold: () => Promise<void>;
  reject: (reason: unknown) => void;
  resolve: () => void;
}

/** Web Locks for tabs that are all in one process, which Node 20 does not bring along. */
export class Locks {
  private readonly queues = new Map<string, Turn[]>();
  private readonly held = new Map<string, Turn>();

  request(name: string, options: LockOptions, hold: () => Promise<void>): Promise<void> {
    const queue = this.queues.get(name) ?? [];
    this.queues.set(name, queue);
    return new Promise((resolve, reject) => {
      const turn = { hold, resolve, reject };
      if (options.steal) {
        this.held.get(name)?.reject(new DOMException("stolen", "AbortError"));
        this.grant(name, turn);
        return;
      }
      queue.push(turn);
      options.signal?.addEventListener("abort", () => {
        const place = queue.indexOf(turn);
        // What was granted is the holder's to give back.
        if (place < 0) return;
        queue.splice(place, 1);
        reject(options.signal?.reason);
      });
      if (!this.held.has(name)) this.next(name);
    });
  }

  private next(name: string): void {
    this.held.delete(name);
    const turn = this.queues.get(name)?.shift();
    if (turn) this.grant(name, turn);
  }

  private async grant(name: string, turn: Turn): Promise<void> {
    this.held.set(name, turn);
    await turn.hold();
    turn.resolve();
    if (this.held.get(name) === turn) this.next(name);
  }
}
