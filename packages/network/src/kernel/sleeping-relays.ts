import { isIPv6 } from 'node:net';
import { endSignals, FirstReads, type ParkedSockets, syscalls } from '@gantry/linux';
import type { RelayedProtocol } from '../ports/port';
import type { HeldPort, PortTarget } from '../ports/publisher';
import { relayTcp, relayUdp } from '../ports/relay';
import { bindSocket } from './sockets';

/**
 * Relays of which most are never asked anything, as where thousands of ports are published: a port listens from the beginning, and costs a descriptor and
 * memory of this process from the first that comes in.
 */
export class SleepingRelays {
  /** Present while some sleep. */
  #reads: FirstReads | undefined;

  constructor(private readonly parked: ParkedSockets) {}

  /** Throws an error with an errno `code` where the port cannot be had. */
  listen(protocol: RelayedProtocol, { address, port }: PortTarget, target: PortTarget): HeldPort {
    const { fd } = bindSocket(protocol, { host: address, port }, { deaf: false, signals: true });
    let awake: HeldPort | undefined;
    const forget = this.#watch(fd, () => {
      const own = socket.take();
      endSignals(own);
      awake = protocol === 'tcp' ? relayTcp(own, target) : relayUdp(own, isIPv6(address) ? 6 : 4, target);
    });
    const socket = this.parked.park(fd);
    return {
      close: () => {
        forget();
        socket.close();
        awake?.close();
        if (this.#reads?.size === 0) this.#end();
      },
    };
  }

  #watch(fd: number, wake: () => void): () => void {
    try {
      return (this.#reads ??= new FirstReads()).add(fd, wake);
    } catch (error) {
      syscalls.close(fd);
      throw error;
    }
  }

  #end(): void {
    this.#reads?.close();
    this.#reads = undefined;
  }
}
