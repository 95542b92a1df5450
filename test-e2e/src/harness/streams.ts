import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { connect as connectSocket, type Socket } from 'node:net';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import type { Engine } from './engine';
import { pinnedNode } from './paths';

/** Passes connections to a unix socket on to a port of the engine's host. */
const RELAY = `
const net = require('node:net');
const [path, port] = process.argv.slice(1);
net.createServer({ allowHalfOpen: true }, (near) => {
  const far = net.connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
  for (const [from, to] of [[near, far], [far, near]]) { from.on('error', () => to.destroy()).once('close', () => to.destroy()); from.pipe(to); }
}).listen(path, () => process.stdout.write('ready'));
`;

/** A port on the loopback of the engine's host, reached from here. */
export interface Way {
  connect(): Socket;
  readonly path: string;
  close(): Promise<void>;
}

export async function wayTo(engine: Engine, port: number): Promise<Way> {
  const path = join(engine.folder, `way-${port}`);
  const child = spawn('nsenter', [`--net=/run/netns/${engine.netns}`, pinnedNode, '-e', RELAY, path, String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const over = new Promise<void>((resolve) => child.once('close', () => resolve()));
  await Promise.race([
    new Promise<void>((resolve) => child.stdout.once('data', () => resolve())),
    over.then(() => Promise.reject(new Error('the relay ended'))),
  ]);
  return {
    path,
    connect: () => connectSocket({ path, allowHalfOpen: true }),
    async close() {
      child.kill('SIGKILL');
      await over;
      rmSync(path, { force: true });
    },
  };
}

/** A client of the channel protocols that keeps what each channel said. */
export interface ChannelClient {
  readonly protocol: string;
  said(channel: number): Buffer;
  send(channel: number, bytes: string | Buffer): void;
  /** Version 5: this side of a channel is closed. */
  half(channel: number): void;
  until(channel: number, text: string): Promise<void>;
  readonly closed: Promise<number>;
  leave(): void;
}

/** Errors: the status and the text of an answer that is no upgrade. */
export async function openChannels(way: Way, url: string, ...protocols: string[]): Promise<ChannelClient> {
  const socket = new WebSocket(`ws+unix:${way.path}:${new URL(url).pathname}`, protocols);
  const parts = new Map<number, Buffer[]>();
  const heard = new Set<() => void>();
  const said = (channel: number): Buffer => Buffer.concat(parts.get(channel) ?? []);
  socket.on('message', (message: Buffer) => {
    const channel = message[0] ?? 0;
    parts.set(channel, [...(parts.get(channel) ?? []), message.subarray(1)]);
    for (const each of heard) each();
  });
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  await new Promise<void>((resolve, reject) => {
    socket.once('open', () => resolve());
    socket.once('unexpected-response', (_request, response) => {
      response.setEncoding('utf8').on('data', (text: string) => reject(new Error(`${response.statusCode} ${text.trim()}`)));
    });
    socket.on('error', reject);
  });
  return {
    protocol: socket.protocol,
    said,
    closed,
    send: (channel, bytes) => socket.send(Buffer.concat([Buffer.from([channel]), Buffer.from(bytes)])),
    half: (channel) => socket.send(Buffer.from([255, channel])),
    until: (channel, text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!said(channel).includes(text)) return;
          heard.delete(look);
          resolve();
        };
        heard.add(look);
        look();
        void closed.then(() =>
          reject(new Error(`closed before ${JSON.stringify(text)}: ${said(channel).toString()} ${said(3).toString()}`)),
        );
      }),
    leave: () => socket.terminate(),
  };
}
