//! Networks written by PyTorch give PyTorch's outputs here.

use plimsoll_forecast::neural::recurrent::{Network, State};
use plimsoll_forecast::neural::weights::Weights;
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    provenance: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    /// Step by step.
    inputs: Vec<Vec<f32>>,
    outputs: Vec<Vec<f32>>,
}

fn bytes(name: &str) -> &'static [u8] {
    match name {
        "torch_lstm" => include_bytes!("fixtures/torch_lstm.safetensors"),
        "torch_lstm_skip" => include_bytes!("fixtures/torch_lstm_skip.safetensors"),
        "torch_rnn" => include_bytes!("fixtures/torch_rnn.safetensors"),
        other => panic!("no fixture {other}"),
    }
}

#[test]
fn a_network_from_pytorch_gives_equal_outputs() {
    let fixture: Fixture = serde_json::from_str(include_str!("fixtures/torch_equal.json")).unwrap();
    assert_eq!(fixture.cases.len(), 3);
    for case in fixture.cases {
        let network = Network::from_weights(Weights::from_bytes(bytes(&case.name)).unwrap()).unwrap();
        let mut state = State::zero(network.shape(), 1);
        let mut worst = 0.0_f32;
        for (inputs, wanted) in case.inputs.iter().zip(&case.outputs) {
            network.step(&mut state, inputs);
            let outputs = network.outputs(&state, inputs);
            assert_eq!(outputs.len(), wanted.len());
            worst = outputs.iter().zip(wanted).fold(worst, |worst, (a, b)| worst.max((a - b).abs()));
        }
        let size = case.outputs.iter().flatten().fold(0.0_f32, |most, value| most.max(value.abs()));
        println!("{}: largest difference {worst:.1e} of values up to {size:.2} ({})", case.name, fixture.provenance);
        assert!(worst < 1e-6 && size > 0.3, "{}: {worst} of {size}", case.name);
    }
}

#[test]
fn a_network_from_pytorch_survives_being_written_here() {
    let network = Network::from_weights(Weights::from_bytes(bytes("torch_lstm")).unwrap()).unwrap();
    let again = Weights::from_bytes(&network.to_weights().to_bytes()).unwrap();
    assert_eq!(Network::from_weights(again).unwrap(), network);
}
