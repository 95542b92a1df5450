export type { Exporter } from './exporters/exporter';
export type { Frontend } from './frontend/frontend';
export type { Refs } from './refs/ref';
export type { Sessions } from './session/session';
export type { Op } from './solver/op';
export type { Source } from './sources/source';
export { service } from './service';
