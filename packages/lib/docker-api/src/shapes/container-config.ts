import type { ContainerConfig, HealthConfig } from '@gantry/api/gantry/engine/v1/types';
import { type Codec, flag, int64, list, map, omitEmpty, optional, struct, text } from '../json/codec';
import { member, nullableStrings, shellStrings } from '../json/wrapped';

/** Go's omitempty on a pointer: absent instead of null. */
export function absent<T>(inner: Codec<T | undefined>): Codec<T | undefined> {
  return { ...inner, write: (value, version) => (value === undefined ? undefined : inner.write(value, version)) };
}

export const healthConfig: Codec<HealthConfig> = struct('HealthConfig', {
  Test: list(text, 'omit'),
  Interval: omitEmpty(int64('time.Duration')),
  Timeout: omitEmpty(int64('time.Duration')),
  StartPeriod: omitEmpty(int64('time.Duration')),
  StartInterval: omitEmpty(int64('time.Duration')),
  Retries: omitEmpty(int64('int')),
});

/** container.Config: what a container runs, in requests, in inspect, and in commit. */
export const containerConfigFields = {
  Hostname: text,
  Domainname: text,
  User: text,
  AttachStdin: flag,
  AttachStdout: flag,
  AttachStderr: flag,
  ExposedPorts: map(member, 'omit'),
  Tty: flag,
  OpenStdin: flag,
  StdinOnce: flag,
  Env: list(text, 'empty'),
  Cmd: shellStrings,
  Healthcheck: absent(optional(healthConfig)),
  ArgsEscaped: absent(optional(flag)),
  Image: text,
  Volumes: map(member, 'null'),
  WorkingDir: text,
  Entrypoint: shellStrings,
  NetworkDisabled: absent(optional(flag)),
  MacAddress: absent(optional(text)),
  OnBuild: list(text, 'null'),
  Labels: map(text),
  StopSignal: absent(optional(text)),
  StopTimeout: absent(optional(int64('int'))),
  Shell: list(text, 'omit'),
};

export const containerConfig: Codec<ContainerConfig> = struct<ContainerConfig>('Config', containerConfigFields, {
  goType: 'container.Config',
});

export { nullableStrings };
