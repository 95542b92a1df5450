import { type HostedService, startService } from '@gantry/service';
import { serviceConfig, type UpOptions } from './config';
import { services } from './services';

/** Engines running in this process. */
export interface Host {
  stop(): Promise<void>;
}

/** Starts every service in this process, one after the other; on a failure what was started is stopped again. */
export async function hostServices(options: UpOptions): Promise<Host> {
  const started: HostedService[] = [];
  const stop = async (): Promise<void> => {
    for (const service of started.splice(0).reverse()) await service.stop();
  };
  try {
    for (const spec of services) started.push(await startService(spec, serviceConfig(spec, options)));
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}
