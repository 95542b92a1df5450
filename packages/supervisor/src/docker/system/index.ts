export { linkContainers } from './containers-link';
export { engineId } from './engine-id';
export type { EngineFacts } from './info';
export { reloadAttributes } from './reload';
export { type SystemNeeds, systemHandlers } from './service';
export type { Build, VersionQuestion } from './version';
