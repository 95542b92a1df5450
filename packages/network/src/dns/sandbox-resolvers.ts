import type { Socket } from 'node:net';
import type { Logger } from '@gantry/rpc';
import { formatAddress } from '../address/cidr';
import type { Namespace, NamespaceListeners, NetworkKernel } from '../kernel/kernel';
import { NetlinkConnection } from '../netlink/connection';
import { transaction } from '../nft/transaction';
import type { SandboxResolvers } from '../operations/parts';
import { redirect } from './redirect';
import type { ResolverParts } from './resolver';
import { resolve } from './resolver';
import { frame, readFrames } from './upstream';

const RESOLVER = { family: 4, value: 0x7f00000bn } as const;
export const RESOLVER_ADDRESS = formatAddress(RESOLVER);
const TCP_IDLE_MS = 10_000;
const MAX_TCP = 64;

/**
 * A resolver inside each sandbox that needs one: sockets on free ports of 127.0.0.11 and a translation from port 53, so that port 53
 * of the sandbox stays free for its own servers. The sockets keep the namespace alive: close them when the sandbox ends.
 */
export class EmbeddedResolvers implements SandboxResolvers {
  readonly #open = new Map<string, NamespaceListeners>();

  constructor(
    private readonly kernel: NetworkKernel,
    private readonly parts: ResolverParts,
    private readonly logger: Logger,
  ) {}

  async open(sandboxId: string, namespace: Namespace): Promise<void> {
    if (this.#open.has(sandboxId)) return;
    const listeners = await this.kernel.listenInside(
      namespace,
      RESOLVER_ADDRESS,
      (query, answer) => void this.#answer(sandboxId, query, 'udp', answer),
      (socket) => this.#serve(sandboxId, socket),
    );
    this.#open.set(sandboxId, listeners);
    const connection = new NetlinkConnection(this.kernel.netlink('netfilter', namespace));
    try {
      await connection.request(transaction(redirect({ address: RESOLVER, udpPort: listeners.udpPort, tcpPort: listeners.tcpPort })));
    } catch (error) {
      this.close(sandboxId);
      throw error;
    } finally {
      connection.close();
    }
  }

  close(sandboxId: string): void {
    this.#open.get(sandboxId)?.close();
    this.#open.delete(sandboxId);
  }

  sandboxes(): string[] {
    return [...this.#open.keys()];
  }

  closeAll(): void {
    for (const id of this.sandboxes()) this.close(id);
  }

  #serve(sandboxId: string, socket: Socket): void {
    let busy = 0;
    socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    readFrames(socket, (query) => {
      if (++busy > MAX_TCP) {
        socket.destroy();
        return;
      }
      void this.#answer(sandboxId, query, 'tcp', (answer) => {
        busy--;
        if (socket.writable) socket.write(frame(answer));
      });
    });
  }

  async #answer(sandboxId: string, query: Buffer, over: 'udp' | 'tcp', send: (answer: Buffer) => void): Promise<void> {
    try {
      const answer = await resolve(this.parts, sandboxId, query, over);
      if (answer !== undefined) send(answer);
    } catch (error) {
      this.logger.warn({ err: error, sandbox: sandboxId }, 'query could not be answered');
    }
  }
}
