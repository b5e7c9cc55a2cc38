/** What both web applications are made of: Preact components over one set of design tokens ("@smarter-metering/web/style.css"). Browser only. */
export {
  createI18n,
  KitProvider,
  languageOf,
  useLanguage,
  type Language,
} from "./language/kit.tsx";
export { kitTexts, type KitTexts } from "./language/kit-texts.ts";
export { LanguageChoice } from "./language/language-choice.tsx";
export {
  browserZone,
  createFormats,
  useFormats,
  type Formats,
  type Instant,
} from "./language/formats.ts";

export { Link, Router, type LinkProps, type Route, type RouterProps } from "./address/router.tsx";
export { navigate, usePath, useQuery } from "./address/location.ts";
export {
  changeQuery,
  matchPath,
  parseQuery,
  pathOf,
  type Params,
  type Query,
} from "./address/route.ts";
export { applyKeptTheme, ThemeChoice, useTheme, type Theme } from "./choice/theme.tsx";

export {
  createApi,
  type Api,
  type ApiOptions,
  type EventHandlers,
  type ReadOptions,
  type WriteOptions,
} from "./data/api.ts";
export { Loaded, useLoaded, type LoadedProps, type LoadState } from "./data/loaded.tsx";
export { ProblemError, problemOf, type FieldProblem } from "./data/problem.ts";

export { NotFound } from "./frame/not-found.tsx";
export { Shell, type NavItem, type ShellProps } from "./frame/shell.tsx";
export {
  Figure,
  Figures,
  Grid,
  Page,
  Panel,
  type FigureProps,
  type PageProps,
  type PanelProps,
} from "./frame/page.tsx";

export { announce, toast, type ToastTone } from "./parts/announce.ts";
export {
  Button,
  IconButton,
  LinkButton,
  type ButtonKind,
  type ButtonProps,
  type IconButtonProps,
  type LinkButtonProps,
} from "./parts/button.tsx";
export {
  Details,
  Dialog,
  Menu,
  Steps,
  Tabs,
  type DetailsProps,
  type DialogProps,
  type MenuProps,
  type StepsProps,
  type TabsProps,
} from "./parts/disclosure.tsx";
export { Code, Copyable, Facts, type CopyableProps, type FactsProps } from "./parts/facts.tsx";
export { Icon, ICON_NAMES, type IconName } from "./parts/icon.tsx";
export {
  Badge,
  EmptyState,
  ErrorState,
  Notice,
  useErrorText,
  type BadgeProps,
  type EmptyStateProps,
  type ErrorStateProps,
  type NoticeProps,
  type Tone,
} from "./parts/notice.tsx";
export { Progress, Skeleton, Spinner, type ProgressProps } from "./parts/progress.tsx";
export { SegmentedControl, type SegmentedControlProps } from "./parts/segmented-control.tsx";

export { Form, type FormProps } from "./form/form.tsx";
export { groupedCode, plainCode, plainNumber, type FormValues } from "./form/form-values.ts";
export { Field, type ControlProps, type FieldFrameProps, type FieldProps } from "./form/field.tsx";
export {
  CodeField,
  NumberField,
  PasswordField,
  TextArea,
  TextField,
  type CodeFieldProps,
  type PasswordFieldProps,
  type TextAreaProps,
  type TextFieldProps,
} from "./form/text-fields.tsx";
export {
  CheckboxField,
  DateField,
  FileField,
  RadioGroup,
  SelectField,
  type CheckboxFieldProps,
  type DateFieldProps,
  type FileFieldProps,
  type RadioGroupProps,
  type SelectFieldProps,
} from "./form/choice-fields.tsx";

export { Table, type Column, type Sort, type TableProps } from "./table/table.tsx";
export {
  Filters,
  Pager,
  Toolbar,
  type FiltersProps,
  type PagerProps,
} from "./table/table-tools.tsx";

export { BarChart, type Bar, type BarChartProps, type BarLine } from "./chart/bar-chart.tsx";
export { ChartWithTable, type ChartWithTableProps } from "./chart/chart-with-table.tsx";
export { panRange, zoomRange, type ChartRange } from "./chart/chart-range.ts";
export { LoadChart, type LoadChartProps, type LoadSeries } from "./chart/load-chart.tsx";
export { ProfileChart, type ProfileChartProps, type ProfileUnit } from "./chart/profile-chart.tsx";
export {
  sampleSource,
  shiftedSource,
  type PyramidColumns,
  type PyramidSource,
} from "./chart/pyramid-source.ts";
export { Sparkline, type SparklineProps } from "./chart/sparkline.tsx";
export { zoneClock, type LocalTime, type ZoneClock } from "./chart/zone-clock.ts";
