import type { CallObserver } from '@gantry/rpc';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

export interface Metrics {
  readonly registry: Registry;
  /** Feeds the call metrics; hand it to createServer. */
  readonly observer: CallObserver;
  /** The exposition text. The process metrics begin with the first scrape: an idle engine that nobody watches pays nothing for them. */
  scrape(): Promise<string>;
  readonly contentType: string;
}

/** Metrics of one service instance; nothing is global, so many services may live in one process. */
export function createMetrics(service: string, version: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  new Gauge({ name: 'gantry_build_info', help: 'Version of the service.', labelNames: ['version'], registers: [registry] }).set(
    { version },
    1,
  );
  const inFlight = new Gauge({ name: 'gantry_rpc_in_flight', help: 'Calls being served.', labelNames: ['method'], registers: [registry] });
  const failures = new Counter({
    name: 'gantry_rpc_failures_total',
    help: 'Calls that failed, by kind.',
    labelNames: ['method', 'kind'],
    registers: [registry],
  });
  const seconds = new Histogram({
    name: 'gantry_rpc_duration_seconds',
    help: 'Time from the arrival of a call to its end.',
    labelNames: ['method'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
    registers: [registry],
  });
  let scraped = false;
  return {
    registry,
    contentType: registry.contentType,
    observer: {
      started: (method) => inFlight.inc({ method }),
      finished: (call) => {
        inFlight.dec({ method: call.method });
        seconds.observe({ method: call.method }, call.seconds);
        if (call.outcome !== 'ok') failures.inc({ method: call.method, kind: call.outcome });
      },
    },
    scrape: () => {
      if (!scraped) collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 100 });
      scraped = true;
      return registry.metrics();
    },
  };
}
