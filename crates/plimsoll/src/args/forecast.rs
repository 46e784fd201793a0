//! What can be typed after `plimsoll forecast` and `plimsoll train`.

use crate::commands::forecast::season::{Length, Season};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `plimsoll forecast`.
#[derive(Debug, Args)]
pub struct Forecast {
    /// A CSV file, `ARCHIVE.tar#MEMBER`, or `-` for standard input (also if absent).
    pub file: Option<PathBuf>,
    /// How far ahead: values of the series (`48`) or a time (`6h`).
    #[arg(long, value_name = "STEPS|TIME", default_value = "24")]
    pub horizon: Length,
    /// Seasons: `auto` looks for them, `none`, or lengths in values or time (`24,168`; `1d,7d`).
    #[arg(long, value_name = "auto|none|LIST", default_value = "auto")]
    pub season: Season,
    /// The model (`--list` shows all); with --backtest several, or `all`.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', default_value = "auto")]
    pub model: Vec<String>,
    /// Quantiles, each between 0 and 1.
    #[arg(long, value_name = "Q,...", value_delimiter = ',', default_value = "0.05,0.5,0.95,0.99")]
    pub quantiles: Vec<f64>,
    /// Average the samples by slots of this length; the usual step of the file if absent.
    #[arg(long, value_name = "TIME")]
    pub step: Option<String>,
    /// Series of the same file that models may look at beside the one they forecast (CPU beside requests).
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub covariates: Vec<String>,
    /// Weights of a network that was trained before (safetensors), for --model rnn, lstm or pretrained.
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// Only these series of the file.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub series: Vec<String>,
    /// What is known in advance: a CSV file of `event,from,to[,value]`.
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Compare models on the past of the series instead: each is fitted at several moments and scored on what followed.
    #[arg(long)]
    pub backtest: bool,
    /// Moments at which a backtest forecasts, one horizon apart, the last one horizon before the end.
    #[arg(long, value_name = "N", default_value_t = 4, requires = "backtest")]
    pub origins: usize,
    /// Also say what the forecast is made of.
    #[arg(long)]
    pub explain: bool,
    /// Write a picture: `.svg` for one series, `.html` for any number.
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: ForecastOutput,
    /// Seed of whatever is random in fitting.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Threads; as many as there are cores if absent.
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// List the models.
    #[arg(long)]
    pub list: bool,
    /// No progress bar.
    #[arg(long, short)]
    pub quiet: bool,
}

/// A recurrent network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Network {
    /// Plain (Elman) layers.
    Rnn,
    /// Long short-term memory.
    Lstm,
}

/// `plimsoll train`.
#[derive(Debug, Args)]
pub struct Train {
    /// A CSV file of series, as for `plimsoll forecast`.
    pub file: PathBuf,
    /// The kind of network.
    #[arg(long, value_enum, default_value = "lstm")]
    pub model: Network,
    /// Units of each layer, the lowest first; one to three layers.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "64,32")]
    pub widths: Vec<usize>,
    /// Steps ahead that it forecasts; the longest season's, between 12 and 48, if absent.
    #[arg(long, value_name = "STEPS")]
    pub horizon: Option<usize>,
    /// Seasons: `auto`, `none`, or lengths in values or time.
    #[arg(long, value_name = "auto|none|LIST", default_value = "auto")]
    pub season: Season,
    /// Make the squared loss small (means) instead of the pinball loss (quantiles).
    #[arg(long)]
    pub squared: bool,
    /// Most updates of the weights; training ends earlier when held-out values gain nothing.
    #[arg(long, value_name = "N", default_value_t = 3_000)]
    pub updates: usize,
    /// Where the weights go (safetensors).
    #[arg(long, value_name = "FILE")]
    pub save: PathBuf,
    /// Seed of the first weights and of the order of the windows.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// How forecasts are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ForecastOutput {
    /// For people.
    #[default]
    Table,
    /// One row per series and step.
    Csv,
    /// For machines.
    Json,
}
