import { AF, MSG, SOCK } from './constants';
import { syscalls } from './linux-syscalls';

/** What one message carries, short of the kernel's 253. */
export const BATCH = 250;

/** A socket that is kept open, and whose descriptor nobody needs. */
export interface ParkedSocket {
  /** Its descriptor, open again; it is the caller's from now on. */
  take(): number;
  close(): void;
}

interface Place {
  /** Undefined while it is on its way in a message. */
  fd: number | undefined;
  batch: Batch | undefined;
}

/** The descriptor by which a message with sockets can be received, and those that it holds. */
interface Batch {
  readonly end: number;
  readonly places: readonly Place[];
}

/**
 * Keeps sockets open by few descriptors: each full batch is sent to a unix socket that nobody reads until one of them is wanted. One descriptor holds 250 of them that way,
 * and all are closed with this process whatever its end is.
 */
export class ParkedSockets {
  readonly #loose = new Set<Place>();

  /** The descriptor is this object's from now on. */
  park(fd: number): ParkedSocket {
    const place: Place = { fd, batch: undefined };
    this.#loose.add(place);
    if (this.#loose.size % BATCH === 0) this.#send([...this.#loose].slice(-BATCH));
    return {
      take: () => this.#take(place),
      close: () => {
        if (place.fd !== undefined || place.batch !== undefined) syscalls.close(this.#take(place));
      },
    };
  }

  #take(place: Place): number {
    if (place.batch !== undefined) this.#receive(place.batch);
    const { fd } = place;
    if (fd === undefined) throw new Error('a socket was taken twice');
    this.#loose.delete(place);
    place.fd = undefined;
    return fd;
  }

  #send(places: readonly Place[]): void {
    let pair: readonly [number, number];
    try {
      pair = syscalls.socketpair(AF.UNIX, SOCK.SEQPACKET, 0);
    } catch {
      return; // out of descriptors: they stay as they are
    }
    const [end, sender] = pair;
    try {
      syscalls.sendWithFds(
        sender,
        Buffer.from([0]),
        places.map(({ fd }) => fd ?? -1),
        MSG.DONTWAIT,
      );
    } catch {
      syscalls.close(end);
      return; // the kernel carries no more of them
    } finally {
      syscalls.close(sender);
    }
    const batch = { end, places };
    for (const place of places) {
      syscalls.close(place.fd ?? -1);
      this.#loose.delete(place);
      Object.assign(place, { fd: undefined, batch });
    }
  }

  #receive({ end, places }: Batch): void {
    const { fds } = syscalls.recvWithFds(end, Buffer.alloc(1), MSG.DONTWAIT);
    syscalls.close(end);
    places.forEach((place, index) => {
      Object.assign(place, { fd: fds[index], batch: undefined });
      this.#loose.add(place);
    });
  }
}
