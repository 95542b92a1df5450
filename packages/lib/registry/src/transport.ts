import { createHash } from 'node:crypto';
import type http from 'node:http';
import https from 'node:https';
import tls from 'node:tls';
import { trusted } from './certificates';
import { LendingAgent, SecureLendingAgent } from './lending';
import type { Proxy } from './proxies';
import { TunnelAgent } from './tunnel';

/** How the connections to one registry host are made. */
export interface Transport {
  /** Certificate not checked: configured as insecure, or on loopback. */
  readonly insecure: boolean;
  /** PEM texts that are trusted beside those of the system. */
  readonly ca: readonly string[];
  /** PEM texts of client certificates; only ever shown to the host they are configured for. */
  readonly clients: readonly { readonly cert: string; readonly key: string }[];
  /** Milliseconds until a connection that does not come about is given up. */
  readonly dialTimeout: number;
}

export const DIAL_TIMEOUT = 30_000;
export const plainTransport: Transport = { insecure: false, ca: [], clients: [], dialTimeout: DIAL_TIMEOUT };

/** The same host's trust without its client certificates and its indulgence: for hosts that it merely names. */
export const strangers = (transport: Transport): Transport =>
  transport.clients.length === 0 && !transport.insecure ? transport : { ...transport, clients: [], insecure: false };

/** Connections that are kept; own agents, so that two engines in one process share nothing. One agent for each way of making connections. */
export class Agents {
  private readonly plain = new LendingAgent({ keepAlive: true, maxSockets: 64 });
  /** To proxies that are reached over TLS. */
  private readonly proxied = new https.Agent({ keepAlive: true, maxSockets: 64 });
  private readonly secure = new Map<string, https.Agent>();

  /** For https: URLs behind a proxy the connections are tunnels; plain requests are sent to the proxy by the caller. */
  agent(url: URL, transport: Transport, proxy: Proxy | undefined): http.Agent {
    if (url.protocol !== 'https:') return proxy?.url.protocol === 'https:' ? this.proxied : this.plain;
    const key = createHash('sha256')
      .update(JSON.stringify([transport.insecure, transport.ca, transport.clients, proxy?.url.href, proxy?.authorization]))
      .digest('base64');
    let agent = this.secure.get(key);
    if (agent === undefined) {
      // One context for all connections: reading the system's certificates again for each would cost more than the handshake.
      const secureContext = tls.createSecureContext({
        // Where nothing is checked, reading the system's certificates (40 ms) would be for nothing.
        ca: transport.insecure ? [...transport.ca] : trusted(transport.ca),
        ...(transport.clients.length === 0
          ? {}
          : { cert: transport.clients.map(({ cert }) => cert), key: transport.clients.map(({ key: own }) => own) }),
      });
      const options = { keepAlive: true, maxSockets: 64, rejectUnauthorized: !transport.insecure, secureContext } as https.AgentOptions;
      agent = proxy === undefined ? new SecureLendingAgent(options) : new TunnelAgent(proxy, options);
      this.secure.set(key, agent);
    }
    return agent;
  }

  destroy(): void {
    for (const agent of [this.plain, this.proxied, ...this.secure.values()]) agent.destroy();
    this.secure.clear();
  }
}
