/**
 * Hands what a run tells to whoever listens. Who emits does not know who listens; a listener that throws, is slow or never
 * answers delays neither the run nor the other listeners.
 *
 * A listener that answers with a promise gets its next event when that has settled. What comes meanwhile waits for it, up to
 * a bound; beyond that it is dropped, and the listener is brought up to date with a view of the run instead.
 */
import type { Emit, Told } from "./event.js";
import { emptyView, viewAfter, type RunView } from "./view.js";

export interface Listener {
  /** Must not block: what takes time is done in the promise that it answers with. */
  readonly event: (told: Told) => void | Promise<void>;
  /** Before its first event when others were told before, and whenever it has missed some. */
  readonly view?: (view: RunView) => void | Promise<void>;
}

export interface Bus {
  readonly emit: Emit;
  /**
   * @param fromSeq the first event that is wanted. Those that are still kept are told again; where some are not, and where it
   *   is left out, a view comes first
   * @returns how to stop listening
   */
  readonly listen: (listener: Listener, options?: { readonly fromSeq?: number }) => () => void;
}

export interface BusOptions {
  readonly run: string;
  /** A listener has thrown, or its promise was rejected: a bug in it. It goes on being told. */
  readonly onFault: (error: unknown) => void;
  readonly now?: () => Date;
  /** How many events wait for one listener, and how many are kept for those who ask from an earlier one on. */
  readonly kept?: number;
}

/** Events that wait for one listener. */
interface Seat {
  readonly listener: Listener;
  waiting: Told[];
  /** It needs a view before the next event. */
  behind: boolean;
  busy: boolean;
}

/** A bus of one run. */
export function createBus({ run, onFault, now = () => new Date(), kept = 1000 }: BusOptions): Bus {
  const seats = new Set<Seat>();
  /** Oldest first, without gaps. */
  const recent: Told[] = [];
  let view = emptyView;
  /** Told by a listener while others are being told: those get it afterwards, in order. */
  const pending: Told[] = [];
  let telling = false;

  /** The next thing that a listener gets; undefined when it has all. */
  const nextFor = (seat: Seat): (() => void | Promise<void>) | undefined => {
    const { listener } = seat;
    if (seat.behind) {
      [seat.behind, seat.waiting] = [false, []];
      const current = view;
      return () => listener.view?.(current);
    }
    const told = seat.waiting.shift();
    return told && (() => listener.event(told));
  };

  const serve = (seat: Seat): void => {
    while (!seat.busy && seats.has(seat)) {
      const next = nextFor(seat);
      if (!next) return;
      try {
        const answer = next();
        if (!(answer instanceof Promise)) continue;
        seat.busy = true;
        void answer.catch(onFault).then(() => {
          seat.busy = false;
          serve(seat);
        });
      } catch (error) {
        onFault(error);
      }
    }
  };

  const tell = (told: Told): void => {
    view = viewAfter(view, told);
    recent.push(told);
    if (recent.length > kept) recent.shift();
    for (const seat of [...seats]) {
      seat.waiting.push(told);
      if (seat.waiting.length > kept) [seat.behind, seat.waiting] = [true, []];
      // A listener that is behind gets all of it in the view.
      else if (seat.behind) seat.waiting = [];
      serve(seat);
    }
  };

  let seq = 0;
  return {
    emit(event) {
      pending.push({ envelope: { run, seq: ++seq, at: now().toISOString() }, event });
      if (telling) return;
      telling = true;
      try {
        for (let told = pending.shift(); told; told = pending.shift()) tell(told);
      } finally {
        telling = false;
      }
    },
    listen(listener, { fromSeq } = {}) {
      const first = recent[0]?.envelope.seq ?? seq + 1;
      const complete = fromSeq !== undefined && fromSeq >= first;
      const waiting = complete ? recent.filter(({ envelope }) => envelope.seq >= fromSeq) : [];
      const seat: Seat = { listener, waiting, behind: !complete && view.seq > 0, busy: false };
      seats.add(seat);
      serve(seat);
      return () => seats.delete(seat);
    },
  };
}
