/** Web Locks for tabs that are all in one process, which Node 20 does not bring along. */
export class Locks {
  private readonly queues = new Map<string, (() => void)[]>();

  request(name: string, { signal }: { signal: AbortSignal }, hold: () => Promise<void>): Promise<void> {
    const queue = this.queues.get(name) ?? [];
    this.queues.set(name, queue);
    return new Promise((resolve, reject) => {
      const turn = async (): Promise<void> => {
        await hold();
        queue.shift();
        queue[0]?.();
        resolve();
      };
      signal.addEventListener("abort", () => {
        const place = queue.indexOf(turn);
        // What was granted is the holder's to give back.
        if (place < 1) return;
        queue.splice(place, 1);
        reject(signal.reason);
      });
      if (queue.push(turn) === 1) turn();
    });
  }
}
