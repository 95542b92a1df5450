export { pluginsHandlers } from './handlers';
export { PluginFolders } from './places';
export { ManagedPlugins } from './plugins';
export { type ContainerdFace, PluginProcesses } from './process';
export { openPluginRecords } from './records';
export { type PluginStores, pluginStores } from './stores';
export { sweepPlugins } from './sweep';
