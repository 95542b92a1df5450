import { EventEmitter, on } from 'node:events';
import { HealthCheckResponse_ServingStatus as Serving, HealthService } from '@gantry/api/grpc/health/v1/health';
import { notFound } from './errors';
import type { RpcServer } from './server';

/** State behind grpc.health.v1: the empty name stands for the whole server. */
export class HealthStatus {
  private readonly statuses = new Map<string, Serving>([['', Serving.NOT_SERVING]]);
  private readonly changes = new EventEmitter().setMaxListeners(0);

  set(services: readonly string[], serving: boolean): void {
    for (const name of ['', ...services]) this.statuses.set(name, serving ? Serving.SERVING : Serving.NOT_SERVING);
    this.changes.emit('change');
  }

  addTo(addService: RpcServer['addService']): void {
    const { statuses, changes } = this;
    addService(HealthService, {
      async check(_ctx, { service }) {
        const status = statuses.get(service);
        if (status === undefined) throw notFound(`service "${service}" is not served here`);
        return { status };
      },
      async *watch(ctx, { service }) {
        const changed = on(changes, 'change', { signal: ctx.signal });
        const now = (): Serving => statuses.get(service) ?? Serving.SERVICE_UNKNOWN;
        let told = now();
        yield { status: told };
        for await (const _change of changed) {
          if (now() === told) continue;
          told = now();
          yield { status: told };
        }
      },
    });
  }
}
