import { createReadStream, type ReadStream } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type LogEntry, EntryReader } from '../drivers/plugin/entry';

/** A log plugin as others write them: it reads the FIFOs that it is told of, keeps lines and gives them back. */
export class LogPlugin {
  readonly asked: [method: string, request: Readonly<Record<string, unknown>>][] = [];
  /** Of all FIFOs. */
  readonly entries: LogEntry[] = [];
  /** FIFOs that were not told to be over. */
  readonly open = new Map<string, ReadStream>();
  /** Why StartLogging is refused. */
  refuses = '';
  reads = false;
  /** What ReadLogs answers. */
  stored: Buffer[] = [];
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const method = (request.url ?? '').slice(1);
        const body = JSON.parse(Buffer.concat(parts).toString() || 'null') as Record<string, unknown>;
        this.asked.push([method, body]);
        if (method !== 'LogDriver.ReadLogs') return void response.end(JSON.stringify(this.answer(method, body)));
        // Cut where no entry ends.
        const bytes = Buffer.concat(this.stored);
        response.write(bytes.subarray(0, 7));
        setTimeout(() => response.end(bytes.subarray(7)), 20);
        return undefined;
      });
    });
  }

  listen(path: string): Promise<void> {
    return new Promise((resolve) => this.server.listen(path, resolve));
  }

  of(method: string): Readonly<Record<string, unknown>>[] {
    return this.asked.filter(([name]) => name === method).map(([, request]) => request);
  }

  /** As a death of it: whoever writes to it finds nobody. */
  async die(): Promise<void> {
    for (const stream of this.open.values()) stream.destroy();
    this.open.clear();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private answer(method: string, { File }: Readonly<Record<string, unknown>>): object {
    switch (method) {
      case 'Plugin.Activate':
        return { Implements: ['LogDriver'] };
      case 'LogDriver.Capabilities':
        return { Cap: { ReadLogs: this.reads } };
      case 'LogDriver.StartLogging': {
        if (this.refuses !== '') return { Err: this.refuses };
        const stream = createReadStream(String(File));
        const reader = new EntryReader();
        stream.on('data', (chunk) => this.entries.push(...reader.read(Buffer.from(chunk))));
        stream.on('error', () => undefined);
        this.open.set(String(File), stream);
        return {};
      }
      case 'LogDriver.StopLogging':
        this.open.delete(String(File));
        return {};
      default:
        return { Err: `no such method: ${method}` };
    }
  }
}
