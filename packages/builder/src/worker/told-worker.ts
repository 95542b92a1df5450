import type { WorkerRecord } from '@gantry/api/moby/buildkit/v1/types/worker';
import type { Platform } from '@gantry/oci';
import { errorText, type Logger } from '@gantry/rpc';
import type { KnownDevices } from '../executor/devices/known-devices';
import { wirePlatform } from './record';

/** Clients put these addresses in the place of `host-gateway` themselves. */
const HOST_GATEWAY = 'org.mobyproject.buildkit.worker.moby.host-gateway-ip';

export interface ToldWorkerParts {
  readonly record: WorkerRecord;
  /** What runs here: an emulator may be registered, or taken away, at any time. */
  readonly platforms: () => Promise<readonly Platform[]>;
  readonly devices: Pick<KnownDevices, 'refresh' | 'records'>;
  /** Addresses that `host-gateway` stands for. */
  readonly hostGateway: () => Promise<readonly string[]>;
  readonly logger: Pick<Logger, 'debug'>;
}

/** The worker with what may change while it runs. */
export class ToldWorker {
  private record: WorkerRecord;

  constructor(private readonly parts: ToldWorkerParts) {
    this.record = parts.record;
  }

  /** As it was last looked at. */
  current(): readonly WorkerRecord[] {
    return [this.record];
  }

  async look(): Promise<readonly WorkerRecord[]> {
    const { record, devices, logger } = this.parts;
    const [gateway, platforms] = await Promise.all([
      this.parts.hostGateway().catch((error: unknown) => {
        logger.debug({ err: errorText(error) }, 'the network service does not tell the address of host-gateway');
        return [];
      }),
      this.parts.platforms(),
      devices.refresh(),
    ]);
    // Clients read one address from the label.
    const address = gateway.at(-1);
    this.record = {
      ...record,
      platforms: platforms.map(wirePlatform),
      Labels: { ...record.Labels, ...(address === undefined ? {} : { [HOST_GATEWAY]: address }) },
      CDIDevices: devices.records(),
    };
    return this.current();
  }
}
