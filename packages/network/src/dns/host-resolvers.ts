import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import type { Server } from './upstream';

const PORT = 53;

/** The name servers of the host's resolv.conf, read again when the file changes. */
export class HostResolvers {
  #servers: readonly Server[] = [];
  #stamp = '';

  constructor(private readonly path: string) {}

  servers(): readonly Server[] {
    try {
      const { mtimeMs, size, ino } = statSync(this.path);
      const stamp = `${mtimeMs}:${size}:${ino}`;
      if (stamp !== this.#stamp) {
        this.#servers = parseNameServers(readFileSync(this.path, 'utf8'));
        this.#stamp = stamp;
      }
    } catch {
      this.#servers = []; // no file: nobody to ask
    }
    return this.#servers;
  }
}

export function parseNameServers(text: string): Server[] {
  return [...text.matchAll(/^[ \t]*nameserver[ \t]+(\S+)/gm)].flatMap((match) => {
    const address = match[1] ?? '';
    return isIP(address.split('%')[0] ?? '') === 0 ? [] : [{ address, port: PORT }];
  });
}
