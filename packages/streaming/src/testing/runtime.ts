import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import type { ExecRequest, StreamingRuntime } from '../runtime';

/** Drops what a closed client makes of a write. */
const write = async (stream: NodeJS.WritableStream | undefined, text: string | Buffer): Promise<void> => {
  if (stream === undefined) return;
  await new Promise<void>((resolve) => stream.write(text, () => resolve()));
};

/** A runtime without containers: commands are `echo WORD…`, `cat`, `exit N`, `sizes`, `wait`, `fail TEXT`, `flood N`, `deaf`. */
export function fakeRuntime() {
  const seen: string[] = [];
  const commands: Record<string, (args: string[], ...rest: Parameters<StreamingRuntime['exec']>) => Promise<number>> = {
    echo: async (args, _request, { stdout, stderr }) => {
      await write(stdout, args.join(' '));
      await write(stderr, 'aside');
      return 0;
    },
    cat: async (_args, _request, { stdin, stdout }) => {
      if (stdin !== undefined && stdout !== undefined) await pipeline(stdin, stdout, { end: false });
      return 0;
    },
    exit: async ([code]) => Number(code),
    fail: async (args) => {
      throw new Error(args.join(' '));
    },
    sizes: async ([count], _request, { stdout, resizes }) => {
      let left = Number(count);
      for await (const { width, height } of resizes) {
        await write(stdout, `${width}x${height};`);
        if (--left === 0) break;
      }
      return 0;
    },
    wait: async (_args, _request, _streams, signal) => {
      if (!signal.aborted) await once(signal, 'abort');
      seen.push('aborted');
      return 137;
    },
    flood: async ([bytes], _request, { stdout }) => {
      const piece = Buffer.alloc(1 << 20, 'x');
      for (let left = Number(bytes); left > 0; left -= piece.length) await write(stdout, piece.subarray(0, Math.min(left, piece.length)));
      return 0;
    },
    /** Never reads its input. */
    deaf: async (_args, _request, { stdout }, signal) => {
      await write(stdout, 'deaf');
      if (!signal.aborted) await once(signal, 'abort');
      return 0;
    },
  };
  const runtime: StreamingRuntime = {
    exec: (request: ExecRequest, streams, signal) => {
      const [name = '', ...args] = request.command;
      const command = commands[name];
      if (command === undefined) throw new Error(`no command ${name}`);
      return command(args, request, streams, signal);
    },
    attach: async ({ containerId }, { stdin, stdout }) => {
      if (containerId === 'missing') throw new Error('container missing: not found');
      await write(stdout, `attached to ${containerId};`);
      if (stdin !== undefined && stdout !== undefined) await pipeline(stdin, stdout, { end: false });
    },
    portForward: async ({ podSandboxId, port }, connection) => {
      if (port === 81) throw new Error(`connection refused by ${podSandboxId}`);
      await write(connection, `${port}:`);
      if (port === 82) return; // says its piece and hangs up
      await pipeline(
        connection,
        async function* (source: AsyncIterable<Buffer>) {
          for await (const part of source) yield part.toString().toUpperCase();
          yield 'bye';
        },
        connection,
      );
    },
  };
  return { runtime, seen };
}
