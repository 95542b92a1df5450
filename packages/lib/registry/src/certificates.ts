import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import tls from 'node:tls';
import { invalidArgument } from '@gantry/rpc';
import type { Transport } from './transport';

export type Certificates = Pick<Transport, 'ca' | 'clients'>;

/**
 * Docker's files of one host: every `*.crt` is a certificate authority, every `X.cert` a client certificate whose key is `X.key`.
 * Throws invalidArgument for half a pair, as dockerd does.
 */
export async function dockerCertificates(dir: string): Promise<Certificates> {
  const names = (await readdir(dir)).sort();
  const text = (name: string): Promise<string> => readFile(join(dir, name), 'utf8');
  const ca = await Promise.all(names.filter((name) => name.endsWith('.crt')).map(text));
  const clients: { cert: string; key: string }[] = [];
  for (const name of names) {
    const stem = name.replace(/\.(cert|key)$/, '');
    if (name.endsWith('.cert')) {
      if (!names.includes(`${stem}.key`))
        throw invalidArgument(
          `missing key ${stem}.key for client certificate ${name} in ${dir}. CA certificates must use the extension .crt`,
        );
      clients.push({ cert: await text(name), key: await text(`${stem}.key`) });
    } else if (name.endsWith('.key') && !names.includes(`${stem}.cert`)) {
      throw invalidArgument(`missing client certificate ${stem}.cert for key ${name} in ${dir}`);
    }
  }
  return { ca, clients };
}

/** What the machine trusts, what Node brings, and a host's own. */
export function trusted(own: readonly string[]): string[] {
  return [...new Set([...tls.getCACertificates('default'), ...tls.getCACertificates('system'), ...own])];
}
