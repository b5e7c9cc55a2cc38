/** Style sheets are taken in by the build; a module has nothing of them. */
declare module "*.css";
