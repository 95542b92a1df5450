import { type Metric, type MetricDescriptor, MetricType } from '@gantry/api/runtime/v1/api';

/** A value, and those of the labels that the metric has beside all others'. */
export type Row = readonly [value: bigint, ...labels: string[]];

/** One of cAdvisor's metrics: kubelet passes them on as its own. */
export interface Kind<Of> {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  /** Labels of its own. */
  readonly labels: readonly string[];
  rows(of: Of): readonly Row[];
}

/** Labels of every metric, in the order of their values. */
export const LABELS = ['container', 'id', 'image', 'name', 'namespace', 'pod'] as const;

type Value = bigint | undefined;

export const gauge = <Of>(name: string, help: string, of: (of: Of) => Value): Kind<Of> => single(name, help, MetricType.GAUGE, of);
export const counter = <Of>(name: string, help: string, of: (of: Of) => Value): Kind<Of> => single(name, help, MetricType.COUNTER, of);

/** undefined: it is not told. */
function single<Of>(name: string, help: string, type: MetricType, of: (of: Of) => Value): Kind<Of> {
  return {
    name,
    help,
    type,
    labels: [],
    rows: (measured) => {
      const value = of(measured);
      return value === undefined ? [] : [[value]];
    },
  };
}

export const descriptorOf = ({ name, help, labels }: Omit<Kind<never>, 'rows'>): MetricDescriptor => ({
  name,
  help,
  labelKeys: [...LABELS, ...labels],
});

export function metricsOfKinds<Of>(
  kinds: readonly Kind<Of>[],
  of: Of,
  { timestamp, labels }: { readonly timestamp: bigint; readonly labels: readonly string[] },
): Metric[] {
  return kinds.flatMap(({ name, type: metricType, rows }) =>
    rows(of).map(([value, ...own]) => ({ name, timestamp, metricType, labelValues: [...labels, ...own], value: { value } })),
  );
}
