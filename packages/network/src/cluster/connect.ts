import { readFile } from 'node:fs/promises';
import { credentials } from '@grpc/grpc-js';
import type { NetworkConfig } from '../config';
import { EtcdStore } from './etcd';
import type { SharedStore } from './shared-store';

/** A connection to the member of the store whose turn it is. Certificates are read each time: they are renewed. */
export async function openStore({ endpoints, tls }: NetworkConfig['overlay'], attempt: number): Promise<SharedStore> {
  const url = new URL(endpoints[attempt % endpoints.length] ?? '');
  const read = (path: string): Promise<Buffer | null> => (path === '' ? Promise.resolve(null) : readFile(path));
  const channel =
    url.protocol === 'https:'
      ? credentials.createSsl(await read(tls.ca), await read(tls.key), await read(tls.cert))
      : credentials.createInsecure();
  return new EtcdStore(hostAndPortOf(url), channel);
}

/** etcd's own port where none is said. */
const PORT = '2379';

export const hostAndPortOf = ({ hostname, port }: URL): string => `${hostname}:${port === '' ? PORT : port}`;
