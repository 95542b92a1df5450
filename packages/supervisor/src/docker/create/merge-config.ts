import { posix } from 'node:path';
import { ContainerConfig, HealthConfig, type StringList } from '@gantry/api/gantry/engine/v1/types';
import type { Healthcheck, ImageContainerConfig } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';

const list = (items: readonly string[] | null | undefined): StringList | undefined =>
  items === null || items === undefined ? undefined : { items: [...items] };
const isEmpty = (value: StringList | undefined): boolean => value === undefined || value.items.length === 0;

/** What was asked, completed by the image's configuration: the user's word wins, lists of things are joined. */
export function mergeConfig(asked: ContainerConfig, image: ImageContainerConfig): ContainerConfig {
  const merged = ContainerConfig.create(asked);
  if (merged.User === '') merged.User = image.User ?? '';
  merged.ExposedPorts = { ...asked.ExposedPorts, ...Object.fromEntries(Object.keys(image.ExposedPorts ?? {}).map((port) => [port, {}])) };
  merged.Volumes = { ...asked.Volumes, ...Object.fromEntries(Object.keys(image.Volumes ?? {}).map((path) => [path, {}])) };
  merged.Labels = { ...image.Labels, ...asked.Labels };

  const keys = new Set(asked.Env.map((entry) => entry.split('=', 1)[0]));
  merged.Env = [...asked.Env, ...(image.Env ?? []).filter((entry) => !keys.has(entry.split('=', 1)[0]))];

  if (isEmpty(asked.Entrypoint)) {
    // The image's command belongs to the image's entrypoint: with one of the user's own it does not apply.
    if (isEmpty(asked.Cmd)) merged.Cmd = list(image.Cmd);
    merged.Entrypoint = asked.Entrypoint ?? list(image.Entrypoint);
  }
  if (merged.Entrypoint?.items.length === 1 && merged.Entrypoint.items[0] === '') merged.Entrypoint = undefined;

  if (merged.WorkingDir === '') merged.WorkingDir = image.WorkingDir ?? '';
  if (merged.WorkingDir !== '') merged.WorkingDir = posix.normalize(merged.WorkingDir).replace(/(.)\/$/, '$1');
  if ((merged.StopSignal ?? '') === '') merged.StopSignal = image.StopSignal ?? undefined;
  if (merged.Shell.length === 0) merged.Shell = [...(image.Shell ?? [])];
  merged.Healthcheck = mergeHealth(asked.Healthcheck, image.Healthcheck ?? undefined);
  return merged;
}

function mergeHealth(asked: HealthConfig | undefined, image: Healthcheck | undefined): HealthConfig | undefined {
  if (image === undefined) return asked;
  const fallback = HealthConfig.create({
    Test: [...(image.Test ?? [])],
    Interval: BigInt(image.Interval ?? 0),
    Timeout: BigInt(image.Timeout ?? 0),
    Retries: BigInt(image.Retries ?? 0),
    StartPeriod: BigInt(image.StartPeriod ?? 0),
    StartInterval: BigInt(image.StartInterval ?? 0),
  });
  if (asked === undefined) return fallback;
  return {
    Test: asked.Test.length > 0 ? asked.Test : fallback.Test,
    Interval: asked.Interval || fallback.Interval,
    Timeout: asked.Timeout || fallback.Timeout,
    Retries: asked.Retries || fallback.Retries,
    StartPeriod: asked.StartPeriod || fallback.StartPeriod,
    StartInterval: asked.StartInterval || fallback.StartInterval,
  };
}

/** The program and its arguments. Throws invalidArgument when there is none. */
export function commandOf(config: ContainerConfig): [string, ...string[]] {
  const [path, ...args] = [...(config.Entrypoint?.items ?? []), ...(config.Cmd?.items ?? [])];
  if (path === undefined) throw invalidArgument('no command specified');
  return [path, ...args];
}
