import type { CommonConfig, HostOptions } from '@gantry/service';
import { type HostedService, type ServiceSpec, startService } from '@gantry/service';
import { services } from './services';

/** Engines running in this process. */
export interface Host {
  stop(): Promise<void>;
}

/** One whose configuration can change. */
export interface ReloadableHost extends Host {
  reload(configOf: ConfigOf): Promise<void>;
}

/** The configuration of each service. */
export type ConfigOf = (spec: ServiceSpec<object>) => CommonConfig & object;

/** Starts every service in this process, one after the other; on a failure what was started is stopped again. */
export async function hostServices(configOf: ConfigOf, options: HostOptions = {}, hosted = services): Promise<ReloadableHost> {
  const started: { readonly spec: ServiceSpec<object>; readonly service: HostedService }[] = [];
  const stop = async (): Promise<void> => {
    for (const { service } of started.splice(0).reverse()) await service.stop();
  };
  try {
    for (const spec of hosted) started.push({ spec, service: await startService(spec, configOf(spec), options) });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    stop,
    async reload(changed) {
      for (const { spec, service } of started) await service.reload(changed(spec));
    },
  };
}
