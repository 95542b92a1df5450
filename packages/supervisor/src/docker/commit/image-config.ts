import type { ContainerConfig } from '@gantry/api/gantry/engine/v1/types';
import { formatJson, type ImageContainerConfig } from '@gantry/oci';

/** A container's configuration as the "config" of an image: what belongs to the image, empty fields left out. */
export function imageConfigJson(config: ContainerConfig): Buffer {
  const health = config.Healthcheck;
  const image: ImageContainerConfig = {
    ...(config.User === '' ? {} : { User: config.User }),
    ...(Object.keys(config.ExposedPorts).length === 0 ? {} : { ExposedPorts: config.ExposedPorts }),
    Env: config.Env,
    ...(config.Entrypoint === undefined ? {} : { Entrypoint: config.Entrypoint.items }),
    ...(config.Cmd === undefined ? {} : { Cmd: config.Cmd.items }),
    ...(Object.keys(config.Volumes).length === 0 ? {} : { Volumes: config.Volumes }),
    ...(config.WorkingDir === '' ? {} : { WorkingDir: config.WorkingDir }),
    ...(Object.keys(config.Labels).length === 0 ? {} : { Labels: config.Labels }),
    ...((config.StopSignal ?? '') === '' ? {} : { StopSignal: config.StopSignal ?? '' }),
    ...(config.Shell.length === 0 ? {} : { Shell: config.Shell }),
    ...(config.OnBuild.length === 0 ? {} : { OnBuild: config.OnBuild }),
    ...(health === undefined
      ? {}
      : {
          Healthcheck: {
            Test: health.Test,
            Interval: Number(health.Interval),
            Timeout: Number(health.Timeout),
            Retries: Number(health.Retries),
            StartPeriod: Number(health.StartPeriod),
            StartInterval: Number(health.StartInterval),
          },
        }),
  };
  return Buffer.from(formatJson(image));
}
