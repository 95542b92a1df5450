import { NamespaceMode, type PodSandboxConfig } from '@gantry/api/runtime/v1/api';
import { notImplemented } from '@gantry/rpc';
import { unknown } from '../failures';
import { checkSelinux } from '../selinux';
import { isHostNetwork, namespacesOf } from './pod';
import { idsOf } from './userns';

/** Refuses by name what cannot be honoured. */
export function checkPod(config: PodSandboxConfig, { selinux }: { readonly selinux: boolean }): void {
  const { metadata, linux, windows, hostname } = config;
  if (metadata === undefined || metadata.name === '') throw unknown('sandbox config must include metadata');
  if (windows !== undefined) throw notImplemented('windows is not supported');
  if (isHostNetwork(config) && hostname !== '') throw unknown('unable to set hostname without a private UTS namespace');
  const { targetId, network, ipc } = namespacesOf(config);
  idsOf(config);
  if (targetId !== '') throw notImplemented('namespace_options.target_id of a sandbox is not supported');
  if (network === NamespaceMode.CONTAINER || ipc === NamespaceMode.CONTAINER)
    throw notImplemented('namespace_options: network and ipc of a sandbox are POD or NODE');
  const security = linux?.securityContext;
  checkSelinux(security?.selinuxOptions, selinux);
  if (security?.runAsGroup !== undefined && security.runAsUser === undefined)
    throw unknown('run_as_group is specified without run_as_user');
}
