import type { Verb } from './requests';

/** How a client's streams travel. */
export interface Protocol {
  /** Its name as it is negotiated; '' where a WebSocket client names none. */
  readonly name: string;
  /** The error stream tells the end in the API's words, in place of plain text. */
  readonly status: boolean;
  /** Terminals have sizes (version 3 and later). */
  readonly resizes: boolean;
  readonly base64: boolean;
  /** The client can close its side of a channel (version 5). */
  readonly closes: boolean;
  /** SPDY inside of the messages of a WebSocket (kubectl 1.31 and later, port-forward). */
  readonly tunnel: boolean;
}

const protocol = (name: string, change: Partial<Protocol> = {}): Protocol => ({
  name,
  status: false,
  resizes: false,
  base64: false,
  closes: false,
  tunnel: false,
  ...change,
});

/** Channels of a version over SPDY are its streams. In the order in which a refusal names them. */
const commandOverSpdy = [
  protocol('v4.channel.k8s.io', { status: true, resizes: true }),
  protocol('v3.channel.k8s.io', { resizes: true }),
  protocol('v2.channel.k8s.io'),
  protocol('channel.k8s.io'),
];
const commandOverWebSocket = [
  protocol('v5.channel.k8s.io', { status: true, resizes: true, closes: true }),
  protocol('v5.base64.channel.k8s.io', { status: true, resizes: true, closes: true, base64: true }),
  protocol('v4.channel.k8s.io', { status: true, resizes: true }),
  protocol('v4.base64.channel.k8s.io', { status: true, resizes: true, base64: true }),
  protocol('channel.k8s.io', { resizes: true }),
  protocol('base64.channel.k8s.io', { resizes: true, base64: true }),
  protocol('', { resizes: true }),
];
const forwardOverSpdy = [protocol('portforward.k8s.io')];
const forwardOverWebSocket = [
  protocol('SPDY/3.1+portforward.k8s.io', { tunnel: true }),
  protocol('v4.channel.k8s.io'),
  protocol('v4.base64.channel.k8s.io', { base64: true }),
  protocol(''),
];

export const protocols = {
  spdy: { exec: commandOverSpdy, attach: commandOverSpdy, portforward: forwardOverSpdy },
  websocket: { exec: commandOverWebSocket, attach: commandOverWebSocket, portforward: forwardOverWebSocket },
} as const satisfies Record<string, Record<Verb, readonly Protocol[]>>;

/** The first of the client's protocols that is spoken here. */
export function choose(spoken: readonly Protocol[], asked: readonly string[]): Protocol | undefined {
  for (const name of asked) {
    const found = spoken.find((each) => each.name === name);
    if (found !== undefined) return found;
  }
  return undefined;
}
