import type { Metrics } from '@gantry/service';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { HttpObserver } from './http/dispatch';

export function httpMetrics({ registry }: Metrics): HttpObserver {
  const registers = [registry];
  const inFlight = new Gauge({ name: 'gantry_http_in_flight', help: 'Requests being answered, hijacked streams included.', registers });
  const answers = new Counter({
    name: 'gantry_http_requests_total',
    help: 'Requests by operation and status.',
    labelNames: ['operation', 'status'],
    registers,
  });
  const seconds = new Histogram({
    name: 'gantry_http_duration_seconds',
    help: 'Time from the arrival of a request to the end of its answer.',
    labelNames: ['operation'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
    registers,
  });
  return {
    started: () => inFlight.inc(),
    finished(operation, status, duration) {
      inFlight.dec();
      answers.inc({ operation, status });
      seconds.observe({ operation }, duration);
    },
  };
}
