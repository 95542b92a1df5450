import { access } from 'node:fs/promises';
import { type ContainerConfig, MountPropagation, NamespaceMode, SecurityProfile_ProfileType } from '@gantry/api/runtime/v1/api';
import { failedPrecondition, notImplemented } from '@gantry/rpc';
import { unknown } from '../failures';
import type { Pod } from '../sandboxes/pod';

/** There where the kernel has SELinux on; elsewhere files have no labels. */
const SELINUX = '/sys/fs/selinux/enforce';

export const hasSelinux = (): Promise<boolean> =>
  access(SELINUX).then(
    () => true,
    () => false,
  );

/** Refuses by name what cannot be honoured. */
export function checkContainer(config: ContainerConfig, pod: Pod, { selinux }: { readonly selinux: boolean }): void {
  if (config.metadata === undefined || config.metadata.name === '') throw unknown('container config must include metadata');
  if (config.windows !== undefined) throw notImplemented('windows is not supported');
  if (config.CDIDevices.length > 0) throw notImplemented('CDI_devices are not supported');
  for (const mount of config.mounts) {
    const where = `mount "${mount.containerPath}"`;
    if (mount.image !== undefined) throw notImplemented(`${where}: image volumes are not supported`);
    if (mount.selinuxRelabel && selinux) throw notImplemented(`${where}: selinux_relabel is not supported`);
    if (mount.imageSubPath !== '') throw notImplemented(`${where}: image_sub_path is not supported`);
    if (mount.mountOptions.length > 0) throw notImplemented(`${where}: mount_options are not supported`);
    if (mount.uidMappings.length > 0 || mount.gidMappings.length > 0)
      throw notImplemented(`${where}: uidMappings and gidMappings are not supported`);
    if (mount.hostPath === '') throw unknown(`${where}: host_path must be set`);
    if (mount.recursiveReadOnly && !mount.readonly) throw unknown(`${where}: recursive_read_only needs readonly`);
    if (mount.recursiveReadOnly && mount.propagation !== MountPropagation.PROPAGATION_PRIVATE)
      throw unknown(`${where}: recursive_read_only needs propagation to be private`);
  }
  const security = config.linux?.securityContext;
  if (security === undefined) return;
  if (security.privileged && pod.config.linux?.securityContext?.privileged !== true)
    throw failedPrecondition('no privileged container allowed in sandbox');
  if ((security.capabilities?.addAmbientCapabilities.length ?? 0) > 0)
    throw notImplemented('capabilities.add_ambient_capabilities are not supported');
  if (security.selinuxOptions !== undefined && Object.values(security.selinuxOptions).some((value) => value !== ''))
    throw notImplemented('security_context.selinux_options: SELinux is not supported');
  if (security.apparmor?.profileType === SecurityProfile_ProfileType.Localhost || security.apparmorProfile.startsWith('localhost/'))
    throw notImplemented('security_context.apparmor: profiles of the host are not supported');
  if (security.namespaceOptions?.usernsOptions !== undefined && security.namespaceOptions.usernsOptions.mode !== NamespaceMode.NODE)
    throw notImplemented('namespace_options.userns_options: user namespaces of pods are not supported');
}
