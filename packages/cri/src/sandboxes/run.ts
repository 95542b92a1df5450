import { randomBytes } from 'node:crypto';
import { OCI_SPEC_TYPE_URL, packJson } from '@gantry/api';
import type { Sandbox } from '@gantry/api/containerd/types/types';
import {
  ContainerEventType,
  type LinuxContainerResources,
  NamespaceMode,
  type PodSandboxConfig,
  type RunPodSandboxRequest,
} from '@gantry/api/runtime/v1/api';
import type { LinuxNamespace, Spec } from '@gantry/oci';
import { type CallContext, detached, errorText, isErrorOf, prefixed } from '@gantry/rpc';
import { apparmorOf, knownProfiles } from '../containers/apparmor';
import { seccompOf } from '../containers/seccomp';
import { unknown } from '../failures';
import { runtimeOf } from '../runtime/runtimes';
import { hasSelinux } from '../selinux';
import { checkPod } from './check';
import { addByCni } from './cni';
import { hostnameOf, makeFiles, removeFiles } from './files';
import type { Needs } from './needs';
import { connectPod } from './network';
import { extensionsOf, isHostNetwork, namespacesOf, type PodFacts, podName, SANDBOXER } from './pod';
import { idsOf } from './userns';

/** Makes a pod: its record, its namespaces, its files, its place on a network. Nothing is left of one that could not be made. */
export async function runPod(needs: Needs, caller: CallContext, { config, runtimeHandler }: RunPodSandboxRequest): Promise<string> {
  if (config === undefined) throw unknown('sandbox config must be given');
  checkPod(config, { selinux: await hasSelinux() });
  runtimeOf(needs.config, runtimeHandler);
  // What holds a pod runs no program: profiles bind nothing there, and are only asked to be there.
  const { seccomp, seccompProfilePath } = config.linux?.securityContext ?? {};
  apparmorOf({ privileged: false, apparmorProfile: '', apparmor: config.linux?.securityContext?.apparmor }, await knownProfiles());
  await seccompOf({ privileged: false, seccomp, seccompProfilePath: seccompProfilePath ?? '' });
  const id = randomBytes(32).toString('hex');
  needs.names.reserve('sandbox', podName(config), id);
  const ctx = detached(caller); // kubelet asks again under a new id: what is begun is finished or undone
  try {
    await make(needs, ctx, { id, config, runtimeHandler });
  } catch (error) {
    await undo(needs, ctx, id);
    throw error;
  }
  await needs.events.tellPod(ctx, id, ContainerEventType.CONTAINER_CREATED_EVENT);
  await needs.events.tellPod(ctx, id, ContainerEventType.CONTAINER_STARTED_EVENT);
  return id;
}

async function make(
  { services, config: settings, roots }: Needs,
  ctx: CallContext,
  { id, config, runtimeHandler }: { readonly id: string; readonly config: PodSandboxConfig; readonly runtimeHandler: string },
): Promise<void> {
  const named = { sandboxId: id, sandboxer: SANDBOXER };
  let facts: PodFacts = { runtimeHandler, ips: [] };
  const sandbox: Sandbox = {
    ...named,
    runtime: { name: runtimeOf(settings, runtimeHandler), options: undefined },
    spec: packJson(OCI_SPEC_TYPE_URL, podSpec(config)),
    labels: { ...config.labels },
    createdAt: undefined,
    updatedAt: undefined,
    extensions: extensionsOf({ config, facts }),
  };
  await services.sandboxes.create(ctx, { sandbox });
  const controlled = { ...named, rootfs: [], options: undefined, netnsPath: '', annotations: {}, sandbox: undefined };
  await services.controller.create(ctx, controlled);
  const { pid } = await services.controller.start(ctx, named);
  await makeFiles(roots, id, config);
  if (isHostNetwork(config)) return;
  const where = { id, pid, config, networkRef: settings['pod-network'] };
  const attached = addByCni(services.cni, ctx, where).then((ips) => ips ?? connectPod(services.network, ctx, where));
  const ips = await attached.catch((error: unknown) => {
    throw prefixed(error, `failed to setup network for sandbox "${id}"`, 'unknown');
  });
  facts = { ...facts, ips };
  await services.sandboxes.update(ctx, { sandbox: { ...sandbox, extensions: extensionsOf({ config, facts }) }, fields: ['extensions'] });
}

/** The namespaces that all containers of the pod are in. Where each has processes of its own, or the host's, none is held for them. */
export function podSpec(config: PodSandboxConfig): Spec {
  const { pid, ipc } = namespacesOf(config);
  const own = !isHostNetwork(config);
  const ids = idsOf(config);
  const types: LinuxNamespace['type'][] = [
    ...(own ? (['network', 'uts'] as const) : []),
    ...(ipc === NamespaceMode.POD ? (['ipc'] as const) : []),
    ...(pid === NamespaceMode.POD ? (['pid'] as const) : []),
    ...(ids === undefined ? [] : (['user'] as const)),
  ];
  const defaults: Record<string, string> = own
    ? {
        'net.ipv4.ip_unprivileged_port_start': '0',
        ...(ids === undefined ? { 'net.ipv4.ping_group_range': '0 2147483647' } : {}), // groups that a map lacks cannot be in it
      }
    : {};
  return {
    ociVersion: '1.0.2',
    ...(own ? { hostname: hostnameOf(config) } : {}),
    annotations: resourceNotes(config.linux?.resources),
    linux: {
      namespaces: types.map((type) => ({ type })),
      sysctl: { ...defaults, ...config.linux?.sysctls },
      ...(ids === undefined ? {} : { uidMappings: [...ids.uids], gidMappings: [...ids.gids] }),
    },
  };
}

/** What the pod as a whole may use, where tools look for it. */
function resourceNotes(given: LinuxContainerResources | undefined): Record<string, string> {
  const notes: Record<string, bigint> = {
    'cpu-period': given?.cpuPeriod ?? 0n,
    'cpu-quota': given?.cpuQuota ?? 0n,
    'cpu-shares': given?.cpuShares ?? 0n,
    memory: given?.memoryLimitInBytes ?? 0n,
  };
  return Object.fromEntries(
    Object.entries(notes).flatMap(([name, value]) => (value === 0n ? [] : [[`io.kubernetes.cri.sandbox-${name}`, String(value)]])),
  );
}

async function undo({ services, roots, names, logger }: Needs, ctx: CallContext, id: string): Promise<void> {
  const named = { sandboxId: id, sandboxer: SANDBOXER };
  const steps: (() => unknown)[] = [
    () => services.cni.delPod(ctx, { sandboxId: id, netnsPath: '' }),
    () => services.network.releaseSandbox(ctx, { sandboxId: id }),
    () => services.controller.shutdown(ctx, named),
    () => removeFiles(roots, id),
    () => services.sandboxes.delete(ctx, { sandboxId: id }),
  ];
  for (const step of steps)
    try {
      await step();
    } catch (error) {
      if (!isErrorOf(error, 'notFound'))
        logger.warn({ err: error, pod: id }, `a pod that could not be made is not all taken away: ${errorText(error)}`);
    }
  names.release(id);
}
