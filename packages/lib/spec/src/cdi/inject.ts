import { stat } from 'node:fs/promises';
import type { Hooks, LinuxDevice, LinuxDeviceCgroup, Spec } from '@gantry/oci';
import { failedPrecondition, invalidArgument } from '@gantry/rpc';
import { deviceOf } from '../devices';
import type { CdiDeviceNode, ContainerEdits, KnownDevice } from './cdi-spec';

/** A container's config.json with devices: what their descriptions say for all, then for each. */
export async function withDevices(spec: Spec, devices: readonly KnownDevice[]): Promise<Spec> {
  const edits = [...new Set(devices.map((device) => device.spec))].map(({ containerEdits = {} }) => containerEdits);
  let result = spec;
  for (const each of [...edits, ...devices.map(({ device }) => device.containerEdits)])
    result = edited(result, each, await Promise.all((each.deviceNodes ?? []).map(nodeOf)));
  return result;
}

function edited(spec: Spec, edits: ContainerEdits, nodes: readonly LinuxDevice[]): Spec {
  const { env = [], deviceNodes = [], mounts = [], hooks = [], additionalGids = [], netDevices = [] } = edits;
  const { process: program, linux = {} } = spec;
  const mounted = mounts.map(({ hostPath, containerPath, type = 'bind', options = [] }) => ({
    destination: containerPath,
    source: hostPath,
    type,
    options: [...options],
  }));
  const places = new Set(mounted.map(({ destination }) => destination));
  return {
    ...spec,
    ...(program === undefined
      ? {}
      : {
          process: {
            ...program,
            env: withVariables(program.env ?? [], env),
            user: { ...program.user, additionalGids: [...new Set([...(program.user.additionalGids ?? []), ...additionalGids])] },
          },
        }),
    mounts: [...(spec.mounts ?? []).filter(({ destination }) => !places.has(destination)), ...mounted],
    ...(hooks.length === 0 ? {} : { hooks: withHooks(spec.hooks ?? {}, hooks) }),
    linux: {
      ...linux,
      devices: [...(linux.devices ?? []).filter(({ path }) => !nodes.some((node) => node.path === path)), ...nodes],
      resources: {
        ...linux.resources,
        devices: [...(linux.resources?.devices ?? []), ...nodes.map((node, index) => ruleOf(node, deviceNodes[index]))],
      },
      ...(netDevices.length === 0
        ? {}
        : {
            netDevices: {
              ...linux.netDevices,
              ...Object.fromEntries(netDevices.map(({ hostInterfaceName, name }) => [hostInterfaceName, { name }])),
            },
          }),
    },
  };
}

/** A later variable takes the place of an earlier one. */
function withVariables(env: readonly string[], more: readonly string[]): string[] {
  const name = (entry: string): string => entry.split('=', 1)[0] ?? '';
  const names = new Set(more.map(name));
  return [...env.filter((entry) => !names.has(name(entry))), ...more];
}

/** What the description leaves out of a node is as the host's has it. */
async function nodeOf(node: CdiDeviceNode): Promise<LinuxDevice> {
  const { path, hostPath = path, fileMode, uid, gid } = node;
  const owner = {
    ...(fileMode === undefined ? {} : { fileMode }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  };
  if (node.type !== undefined && node.major !== undefined)
    return { path, type: node.type, major: node.major, minor: node.minor ?? 0, ...owner };
  const status = await stat(hostPath).catch((error: unknown) => {
    throw failedPrecondition(`device ${hostPath} is not there`, { cause: error });
  });
  const found = deviceOf(status, path);
  if (found === undefined) throw failedPrecondition(`${hostPath} is no device`);
  const { type, major, minor } = found;
  return {
    path,
    type,
    ...(major === undefined ? {} : { major }),
    ...(minor === undefined ? {} : { minor }),
    fileMode: status.mode & 0o777,
    ...owner,
  };
}

function ruleOf({ type, major, minor }: LinuxDevice, node: CdiDeviceNode | undefined): LinuxDeviceCgroup {
  const { permissions = 'rwm' } = node ?? {};
  return {
    allow: true,
    type: type === 'b' ? 'b' : 'c',
    access: permissions,
    ...(major === undefined ? {} : { major }),
    ...(minor === undefined ? {} : { minor }),
  };
}

const PLACES: readonly (keyof Hooks)[] = ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'];

function withHooks(hooks: Hooks, more: NonNullable<ContainerEdits['hooks']>): Hooks {
  const result: Hooks = { ...hooks };
  for (const { hookName, path, args, env, timeout } of more) {
    const place = PLACES.find((each) => each === hookName);
    if (place === undefined) throw invalidArgument(`hook "${hookName}" of a device is not known`);
    const hook = {
      path,
      ...(args === undefined ? {} : { args: [...args] }),
      ...(env === undefined ? {} : { env: [...env] }),
      ...(timeout === undefined ? {} : { timeout }),
    };
    result[place] = [...(result[place] ?? []), hook];
  }
  return result;
}
