export { isMethodMissing, PluginClient } from './client';
export { defaultPlaces, findPlugin, isPlugin, type PluginAddress, type PluginPlaces } from './places';
export { type PluginKind, Plugins } from './plugins';
export {
  findManaged,
  forgetManaged,
  isDisabled,
  listManaged,
  managedFolder,
  type ManagedPlugin,
  provides,
  withManaged,
  writeManaged,
} from './managed';
