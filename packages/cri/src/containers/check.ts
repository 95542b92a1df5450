import { type ContainerConfig, MountPropagation } from '@gantry/api/runtime/v1/api';
import { failedPrecondition, notImplemented } from '@gantry/rpc';
import { unknown } from '../failures';
import { namespacesOf, type Pod } from '../sandboxes/pod';
import { checkSameIds } from '../sandboxes/userns';
import { checkSelinux } from '../selinux';

/** What a volume's mount may be told beside its own fields: flags of the mount alone, none that change what is mounted or where. */
const OPTIONS: ReadonlySet<string> = new Set([
  'noexec',
  'exec',
  'nosuid',
  'suid',
  'nodev',
  'dev',
  'noatime',
  'atime',
  'nodiratime',
  'diratime',
  'relatime',
  'norelatime',
  'strictatime',
  'nostrictatime',
  'nosymfollow',
  'symfollow',
]);

/** Refuses by name what cannot be honoured. */
export function checkContainer(config: ContainerConfig, pod: Pod, { selinux }: { readonly selinux: boolean }): void {
  if (config.metadata === undefined || config.metadata.name === '') throw unknown('container config must include metadata');
  if (config.windows !== undefined) throw notImplemented('windows is not supported');
  for (const mount of config.mounts) {
    const where = `mount "${mount.containerPath}"`;
    if (mount.image !== undefined) {
      if (mount.hostPath !== '') throw unknown(`image volume mount failed: ${where}: host_path must be empty`);
      if (!mount.readonly) throw unknown(`image volume mount failed: ${where}: readonly must be true`);
      if (mount.image.image === '') throw unknown(`image volume mount failed: ${where}: image must be named`);
    }
    if (mount.selinuxRelabel && selinux) throw notImplemented(`${where}: selinux_relabel is not supported`);
    if (mount.imageSubPath !== '' && mount.image === undefined) throw unknown(`${where}: image_sub_path needs image`);
    const other = mount.mountOptions.find((option) => !OPTIONS.has(option));
    if (other !== undefined) throw unknown(`${where}: mount_options: "${other}" is not one of ${[...OPTIONS].join(', ')}`);
    if (mount.uidMappings.length > 0 !== mount.gidMappings.length > 0) throw unknown(`${where}: uidMappings and gidMappings come together`);
    if (mount.hostPath === '' && mount.image === undefined) throw unknown(`${where}: host_path must be set`);
    if (mount.recursiveReadOnly && !mount.readonly) throw unknown(`${where}: recursive_read_only needs readonly`);
    if (mount.recursiveReadOnly && mount.propagation !== MountPropagation.PROPAGATION_PRIVATE)
      throw unknown(`${where}: recursive_read_only needs propagation to be private`);
  }
  const security = config.linux?.securityContext;
  if (security === undefined) return;
  if (security.privileged && pod.config.linux?.securityContext?.privileged !== true)
    throw failedPrecondition('no privileged container allowed in sandbox');
  checkSelinux(security.selinuxOptions, selinux);
  checkSameIds(namespacesOf(pod.config).usernsOptions, security.namespaceOptions?.usernsOptions);
}
