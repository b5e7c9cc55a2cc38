/** A tariff's prices, dates, bands and hours as a form; or the whole document as JSON. */
import {
  Button,
  DateField,
  Form,
  NumberField,
  Panel,
  ProblemError,
  SelectField,
  TextArea,
  TextField,
} from "@smarter-metering/web";
import type { Tariff } from "@smarter-metering/tariff";
import type { VNode } from "preact";
import { documentOf, type RuleDraft, type TariffDraft } from "../model/tariff-draft.ts";
import { useTexts } from "../texts.ts";

const badField = (path: string, message: string): ProblemError =>
  new ProblemError({ status: 0, code: "FIELD", title: message, errors: [{ path, message }] });

export interface TariffFormProps {
  readonly base: Tariff;
  readonly draft: TariffDraft;
  readonly onDraft: (draft: TariffDraft) => void;
  readonly onDocument: (document: unknown) => Promise<void>;
}

export function TariffForm({ base, draft, onDraft, onDocument }: TariffFormProps): VNode {
  const { tariffForm: words } = useTexts();
  const unit = words.perKilowattHour(base.currency);
  const isVersion = draft.becomes === "version";
  const bands = isVersion ? base.calendar.bands : draft.bands;
  const change = (part: Partial<TariffDraft>): void => onDraft({ ...draft, ...part });
  return (
    <Form
      submit={words.check}
      onSubmit={async () => {
        const made = documentOf(base, draft);
        if ("badField" in made) throw badField(made.badField, words.badNumber);
        await onDocument(made.document);
      }}
    >
      <Panel {...(isVersion && { lead: words.versionHint })}>
        <div class="fields">
          {!isVersion && (
            <TextField
              name="id"
              label={words.id}
              value={draft.id}
              maxLength={64}
              pattern="[A-Za-z0-9][A-Za-z0-9._\-]*"
              onInput={(id) => change({ id })}
            />
          )}
          <DateField
            name="validFrom"
            label={words.validFrom}
            hint={words.validFromHint}
            value={draft.validFrom}
            onChange={(validFrom) => change({ validFrom })}
          />
        </div>
        <div class="fields">
          {bands.map((band) => (
            <NumberField
              key={band}
              name={`price.${band}`}
              label={words.priceOf(band)}
              hint={unit}
              value={draft.prices[band] ?? ""}
              onInput={(text) => change({ prices: { ...draft.prices, [band]: text } })}
            />
          ))}
          <NumberField
            name="feedIn"
            label={words.feedIn}
            hint={unit}
            value={draft.feedIn}
            onInput={(feedIn) => change({ feedIn })}
          />
          {base.calendar.cost !== undefined && (
            <NumberField
              name="fallback"
              label={words.fallback}
              hint={unit}
              value={draft.fallback}
              onInput={(fallback) => change({ fallback })}
            />
          )}
        </div>
        <div class="fields">
          <NumberField
            name="standingPerDay"
            label={words.standingPerDay}
            hint={base.currency}
            value={draft.standingPerDay}
            onInput={(standingPerDay) => change({ standingPerDay })}
          />
          <NumberField
            name="standingPerMonth"
            label={words.standingPerMonth}
            hint={base.currency}
            optional
            value={draft.standingPerMonth}
            onInput={(standingPerMonth) => change({ standingPerMonth })}
          />
          <NumberField
            name="minimumPerDay"
            label={words.minimum}
            hint={base.currency}
            optional
            value={draft.minimumPerDay}
            onInput={(minimumPerDay) => change({ minimumPerDay })}
          />
          <NumberField
            name="taxPercent"
            label={words.taxPercent}
            value={draft.taxPercent}
            onInput={(taxPercent) => change({ taxPercent })}
          />
        </div>
      </Panel>
      {!isVersion && <BandsPanel draft={draft} onChange={change} />}
    </Form>
  );
}

interface BandsPanelProps {
  readonly draft: TariffDraft;
  readonly onChange: (part: Partial<TariffDraft>) => void;
}

function BandsPanel({ draft, onChange }: BandsPanelProps): VNode {
  const { tariffForm: words } = useTexts();
  const { bands, rules, defaultBand } = draft;
  const names = bands.map((band) => ({ value: band, label: band }));
  const setRule = (index: number, part: Partial<RuleDraft>): void =>
    onChange({ rules: rules.map((rule, at) => (at === index ? { ...rule, ...part } : rule)) });
  const fresh: RuleDraft = {
    band: bands[0] ?? "",
    weekdays: [1, 2, 3, 4, 5],
    from: "07:00",
    to: "21:00",
    rest: {},
  };
  return (
    <Panel title={words.bands} lead={words.bandsHint}>
      <div class="fields">
        <TextField
          name="bands"
          label={words.bandNames}
          value={bands.join(", ")}
          onInput={(text) =>
            onChange({
              bands: text
                .split(",")
                .map((name) => name.trim())
                .filter((name) => name !== ""),
            })
          }
        />
        <SelectField
          name="defaultBand"
          label={words.defaultBand}
          value={defaultBand}
          options={names}
          onChange={(band) => onChange({ defaultBand: band })}
        />
      </div>
      {rules.map((rule, index) => (
        <RuleFields
          key={index}
          index={index}
          rule={rule}
          names={names}
          onRule={(part) => setRule(index, part)}
          onRemove={() => onChange({ rules: rules.filter((_, at) => at !== index) })}
        />
      ))}
      <div class="row">
        <Button icon="plus" onClick={() => onChange({ rules: [...rules, fresh] })}>
          {words.addRule}
        </Button>
      </div>
    </Panel>
  );
}

interface RuleFieldsProps {
  readonly index: number;
  readonly rule: RuleDraft;
  readonly names: readonly { readonly value: string; readonly label: string }[];
  readonly onRule: (part: Partial<RuleDraft>) => void;
  readonly onRemove: () => void;
}

function RuleFields({ index, rule, names, onRule, onRemove }: RuleFieldsProps): VNode {
  const { tariffForm: words, tariffs } = useTexts();
  const toggle = (day: number, isOn: boolean): void => {
    const others = rule.weekdays.filter((weekday) => weekday !== day);
    onRule({ weekdays: isOn ? [...others, day].toSorted((a, b) => a - b) : others });
  };
  return (
    <fieldset class="rule">
      <legend>{words.rule(index + 1)}</legend>
      <div class="fields">
        <SelectField
          name={`rule.${index}.band`}
          label={words.band}
          value={rule.band}
          options={names}
          onChange={(band) => onRule({ band })}
        />
        <TextField
          name={`rule.${index}.from`}
          label={words.ruleFrom}
          value={rule.from}
          pattern="[0-2][0-9]:[0-5][0-9]"
          onInput={(from) => onRule({ from })}
        />
        <TextField
          name={`rule.${index}.to`}
          label={words.ruleTo}
          value={rule.to}
          pattern="[0-2][0-9]:[0-5][0-9]"
          onInput={(to) => onRule({ to })}
        />
      </div>
      <div class="row weekdays">
        {tariffs.weekdays.map((name, at) => (
          <label key={name}>
            <input
              type="checkbox"
              checked={rule.weekdays.includes(at + 1)}
              onChange={(event) => toggle(at + 1, event.currentTarget.checked)}
            />
            {name}
          </label>
        ))}
        <Button kind="quiet" icon="trash" onClick={onRemove}>
          {words.removeRule(index + 1)}
        </Button>
      </div>
    </fieldset>
  );
}

export interface TariffJsonProps {
  readonly text: string;
  readonly onText: (text: string) => void;
  readonly onDocument: (document: unknown) => Promise<void>;
}

export function TariffJson({ text, onText, onDocument }: TariffJsonProps): VNode {
  const { tariffForm: words } = useTexts();
  return (
    <Form
      submit={words.check}
      onSubmit={async (values) => {
        let document: unknown;
        try {
          document = JSON.parse(values.text("json"));
        } catch {
          throw badField("json", words.notJson);
        }
        await onDocument(document);
      }}
    >
      <TextArea
        name="json"
        label={words.json}
        hint={words.jsonHint}
        rows={24}
        code
        value={text}
        onInput={onText}
      />
    </Form>
  );
}
