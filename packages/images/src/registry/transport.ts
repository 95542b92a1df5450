import { createHash } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import tls from 'node:tls';

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
export const strangers = (transport: Transport): Transport => (transport.clients.length === 0 && !transport.insecure ? transport : { ...transport, clients: [], insecure: false });

/** Connections that are kept; own agents, so that two engines in one process share nothing. One agent for each way of making connections. */
export class Agents {
  private readonly plain = new http.Agent({ keepAlive: true, maxSockets: 64 });
  private readonly secure = new Map<string, https.Agent>();

  agent(url: URL, transport: Transport): http.Agent {
    if (url.protocol !== 'https:') return this.plain;
    const key = createHash('sha256').update(JSON.stringify([transport.insecure, transport.ca, transport.clients])).digest('base64');
    let agent = this.secure.get(key);
    if (agent === undefined) {
      // One context for all connections: reading the system's certificates again for each would cost more than the handshake.
      const secureContext = tls.createSecureContext({
        // Where nothing is checked, reading the system's certificates (40 ms) would be for nothing.
        ca: transport.insecure ? [...transport.ca] : trusted(transport.ca),
        ...(transport.clients.length === 0 ? {} : { cert: transport.clients.map(({ cert }) => cert), key: transport.clients.map(({ key: own }) => own) }),
      });
      agent = new https.Agent({ keepAlive: true, maxSockets: 64, rejectUnauthorized: !transport.insecure, secureContext } as https.AgentOptions);
      this.secure.set(key, agent);
    }
    return agent;
  }

  destroy(): void {
    for (const agent of [this.plain, ...this.secure.values()]) agent.destroy();
    this.secure.clear();
  }
}

/** What the machine trusts, what Node brings, and the host's own. */
function trusted(own: readonly string[]): string[] {
  return [...new Set([...tls.getCACertificates('default'), ...tls.getCACertificates('system'), ...own])];
}
