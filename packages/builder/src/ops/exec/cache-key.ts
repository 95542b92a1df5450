import { createHash } from 'node:crypto';
import { CacheSharingOpt, ExecOp, type Mount, MountType } from '@gantry/api/pb/ops';
import { hostPlatform } from '@gantry/oci';
import type { VertexAbout } from '../../solver/op';
import { type Exec, isOutput, ROOT } from './definition';

const KIND = 'gantry.exec.v1';

/**
 * Digest of what a step does, its inputs aside. What only says where it does it is left out: proxies, the addresses of extra hosts, the names of cache mounts that are not
 * the default, and the parts of inputs that are shown (they are told apart input by input). No value of a secret is known here.
 */
export function keyOf(exec: Exec, platform: VertexAbout['platform']): string {
  const { meta } = exec;
  const keyed: ExecOp = {
    ...exec,
    meta: { ...meta, proxyEnv: undefined, extraHosts: meta.extraHosts.map(({ Host: host }) => ({ Host: host, IP: '' })) },
    mounts: exec.mounts.length === 1 && isPlainRoot(exec.mounts[0] as Mount) ? [] : exec.mounts.map(keyedMount),
  };
  const hash = createHash('sha256');
  hash.update(JSON.stringify([KIND, platform ?? hostPlatform()]));
  hash.update(ExecOp.encode(keyed).finish());
  return `sha256:${hash.digest('hex')}`;
}

/** The one mount that every RUN has. */
function isPlainRoot(mount: Mount): boolean {
  const { dest, readonly, mountType, cacheOpt, SSHOpt: ssh, secretOpt, resultID, selector } = mount;
  const options = [cacheOpt, ssh, secretOpt].every((option) => option === undefined);
  return dest === ROOT && selector === '' && !readonly && mountType === MountType.BIND && options && resultID === '' && isOutput(mount);
}

function keyedMount(mount: Mount): Mount {
  const { cacheOpt } = mount;
  const plain = { ...mount, selector: '' };
  return cacheOpt === undefined || isDefaultCache(mount) ? plain : { ...plain, cacheOpt: { ID: '', sharing: CacheSharingOpt.SHARED } };
}

/** A cache mount whose name nobody chose: its destination, or that below a namespace for caches. */
function isDefaultCache({ dest, cacheOpt }: Mount): boolean {
  const id = cacheOpt?.ID ?? '';
  if (cacheOpt?.sharing !== CacheSharingOpt.SHARED) return false;
  return id === dest || id.slice(id.indexOf('/') + 1) === dest;
}
