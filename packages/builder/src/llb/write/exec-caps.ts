import { NetMode, SecurityMode } from '@gantry/api/pb/ops';
import type { ExecSpec, TreeMount } from './exec';

/** What a builder must be able to do to run this step. */
export function execCaps(spec: ExecSpec): readonly string[] {
  const caps = new Set(['exec.meta.base', 'exec.mount.bind', 'exec.meta.setsdefaultpath']);
  const when = (needed: boolean, ...names: string[]): void => {
    if (needed) for (const name of names) caps.add(name);
  };
  const some = (has: (mount: TreeMount) => boolean): boolean => spec.mounts.some(has);
  when(spec.network !== NetMode.UNSET, 'exec.meta.network');
  when(spec.security !== SecurityMode.SANDBOX, 'exec.meta.security');
  when(spec.proxy !== undefined, 'exec.meta.proxyenv');
  when(spec.ulimits.length > 0, 'exec.meta.ulimit');
  when(spec.cgroupParent !== '', 'exec.meta.cgroup.parent');
  when(spec.devices.length > 0, 'exec.meta.cdi');
  when(
    some(({ selector = '' }) => selector !== ''),
    'exec.mount.selector',
  );
  when(
    some(({ kind }) => kind === 'cache'),
    'exec.mount.cache',
    'exec.mount.cache.sharing',
  );
  when(
    some(({ kind }) => kind === 'tmpfs'),
    'exec.mount.tmpfs',
  );
  when(
    some(({ kind, size = 0n }) => kind === 'tmpfs' && size > 0n),
    'exec.mount.tmpfs.size',
  );
  when(
    some(({ discard = false }) => discard),
    'exec.mount.bind.readwrite-nooutput',
  );
  when(spec.secrets.length > 0, 'exec.mount.secret');
  when(
    spec.secrets.some(({ env }) => env !== undefined),
    'exec.secretenv',
  );
  when(spec.ssh.length > 0, 'exec.mount.ssh');
  return [...caps];
}
