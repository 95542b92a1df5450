import type { Spec } from '@gantry/oci';
import type { Context } from './context';

const NOTIFY = '/run/notify/notify.sock';

/** What a service manager gave us goes on to the container: its sockets by number, its notification socket as a bind mount. */
export function forServiceManager(spec: Spec, { listenFds, notifySocket, log }: Pick<Context, 'listenFds' | 'notifySocket' | 'log'>): Spec {
  if (!spec.process) return spec;
  const env = [...(spec.process.env ?? [])];
  const mounts = [...(spec.mounts ?? [])];
  if (listenFds > 0) env.push(`LISTEN_FDS=${listenFds}`, 'LISTEN_PID=1');
  if (notifySocket?.startsWith('/')) {
    env.push(`NOTIFY_SOCKET=${NOTIFY}`);
    mounts.push({ destination: NOTIFY, source: notifySocket, options: ['bind', 'nosuid', 'noexec', 'nodev'] });
  } else if (notifySocket) log.warn(`NOTIFY_SOCKET ${notifySocket} is not a path: the container cannot reach it`);
  return { ...spec, mounts, process: { ...spec.process, env } };
}
