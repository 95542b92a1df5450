import { randomUUID } from 'node:crypto';
import type { BuildImageRequest } from '@gantry/api/gantry/build/v1/build';
import { AuthService } from '@gantry/api/moby/filesync/v1/filesync';
import { notImplemented, type ServiceClient } from '@gantry/rpc';
import type { ServiceDefinition } from '@grpc/grpc-js';
import type { Session } from '../session/session';

const METHOD = '/moby.filesync.v1.Auth/Credentials';
/** The public hub's key in docker's files. */
const HUB = 'https://index.docker.io/v1/';
const HUB_HOSTS = ['registry-1.docker.io', 'docker.io', 'index.docker.io'];

/** A session in this process for a client without one: it has the credentials that came with the request, and nothing else. */
export function authSession(auths: BuildImageRequest['auths'], closed: Promise<void>): Session {
  const services: Partial<ServiceClient<typeof AuthService>> = {
    credentials: async (_ctx, { Host }) => {
      const found = HUB_HOSTS.includes(Host)
        ? (auths[HUB] ?? auths['docker.io'])
        : (auths[Host] ?? auths[`https://${Host}`] ?? auths[`http://${Host}`]);
      if (found === undefined) return { Username: '', Secret: '' };
      return found.identityToken === ''
        ? { Username: found.username, Secret: found.password }
        : { Username: '', Secret: found.identityToken };
    },
  };
  return {
    id: randomUUID(),
    name: '',
    sharedKey: '',
    serves: (method) => method.toLowerCase() === METHOD.toLowerCase(),
    client<D extends ServiceDefinition>(definition: D): ServiceClient<D> {
      const missing = Object.keys(definition).map((name) => [
        name,
        () => Promise.reject(notImplemented(`this client does not serve ${name}`)),
      ]);
      return { ...Object.fromEntries(missing), ...((definition as ServiceDefinition) === AuthService ? services : {}) } as ServiceClient<D>;
    },
    closed,
  };
}
