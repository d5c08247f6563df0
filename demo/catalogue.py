"""The texts of the demo data: kinds of events with titles and venues, names, products."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EventKind:
    """A kind of event. `size` is relative; `hours` and `weekdays` (Monday is 0) are local."""

    event_type: str
    size: int
    reais: tuple[int, ...]
    hours: tuple[int, ...]
    weekdays: tuple[int, ...]
    seated: bool
    titles: tuple[str, ...]
    venues: tuple[str, ...]


PREMIERE = EventKind(
    "movie_premiere", 25, (40, 50, 60), (19, 20, 21), (2, 3), True,
    (
        "Pré-estreia: O Retorno", "Pré-estreia: Sertão de Vidro", "Pré-estreia: A Última Maré",
        "Pré-estreia: Corações de Concreto", "Pré-estreia: Mãe d’Água",
        "Pré-estreia: Estação Paraíso", "Pré-estreia: O Céu de Brasília",
    ),
    (
        "Cine Odeon – Sala 1, Rio de Janeiro", "Cine Belas Artes – Sala 3, São Paulo",
        "Cinema São Luiz, Recife", "Cine Brasília, Brasília", "Cine Passeio – Sala 2, Curitiba",
    ),
)  # fmt: skip
CONCERT = EventKind(
    "concert", 60, (120, 160, 220, 280), (20, 21, 22), (3, 4, 5), False,
    (
        "Noite do Samba de Raiz", "Orquestra Maré Alta: Villa-Lobos", "+Jazz no Parque",
        "Forró da Lua Cheia", "Trio Elétrico Axé & Mar", "Tributo à Bossa Nova",
        "Sertanejo no Coração", "Chorinho às Seis", "Baile da Saudade", "Rock na Estação",
    ),
    (
        "Circo Voador, Rio de Janeiro", "Audio, São Paulo", "Sala São Paulo, São Paulo",
        "Concha Acústica, Salvador", "Ópera de Arame, Curitiba", "Arena do Cerrado, Goiânia",
        "Auditório Araújo Vianna, Porto Alegre",
    ),
)  # fmt: skip
THEATER = EventKind(
    "theater", 30, (60, 80, 100), (19, 20, 21), (4, 5, 6), True,
    (
        "O Alienista em Cena", "A Hora da Estrela", "Auto da Compadecida, o Musical",
        "Vidas Secas: Leitura Dramática", "Improviso às Quintas", "Solidão a Dois",
    ),
    (
        "Theatro Municipal, São Paulo", "Teatro Amazonas, Manaus", "Teatro Guaíra, Curitiba",
        "Teatro José de Alencar, Fortaleza", "Palácio das Artes, Belo Horizonte",
    ),
)  # fmt: skip
FESTIVAL = EventKind(
    "festival", 130, (180, 240, 320), (13, 14, 15), (4, 5), False,
    (
        "Festival de Inverno de Ouro Preto", "Festival Pôr do Sol", "São João da Praça",
        "Festa Literária da Baía", "Festival Amazônia Sonora",
    ),
    (
        "Praça Tiradentes, Ouro Preto", "Parque Ibirapuera, São Paulo",
        "Pátio de São Pedro, Recife", "Marina da Glória, Rio de Janeiro",
    ),
)  # fmt: skip
SPORTS = EventKind(
    "sports", 110, (60, 80, 120), (16, 19, 21), (2, 5, 6), True,
    (
        "Final da Copa do Litoral", "Clássico da Serra", "Grande Prêmio de Judô",
        "Meia Maratona das Águas", "Superliga de Vôlei: Semifinal",
    ),
    (
        "Maracanãzinho, Rio de Janeiro", "Ginásio do Ibirapuera, São Paulo",
        "Mineirinho, Belo Horizonte", "Arena da Amazônia, Manaus",
    ),
)  # fmt: skip
CONFERENCE = EventKind(
    "conference", 40, (200, 350, 490), (9, 10), (1, 2, 3), False,
    (
        "Conferência Dados & Produto", "Fórum Nacional de Educação", "Congresso de Saúde Pública",
        "Encontro de Mulheres na Tecnologia", "Simpósio de Inovação Agrícola",
    ),
    (
        "Expo Center Norte, São Paulo", "Centro de Convenções, Goiânia", "CentroSul, Florianópolis",
    ),
)  # fmt: skip
WORKSHOP = EventKind(
    "workshop", 8, (90, 150), (10, 14), (5, 6), False,
    (
        "Oficina de Cerâmica", "Oficina de Percussão", "Introdução ao Café Especial",
        "Fotografia de Rua", "Escrita Criativa para Iniciantes",
    ),
    (
        "Casa das Rosas, São Paulo", "Fábrica de Arte, Belém", "Espaço Cultural Dragão, Fortaleza",
    ),
)  # fmt: skip

# Starts with one of each kind, so that the smallest demo has all kinds.
KINDS = (
    PREMIERE, CONCERT, THEATER, FESTIVAL, SPORTS, CONFERENCE, WORKSHOP,
    CONCERT, PREMIERE, THEATER, CONCERT,
)  # fmt: skip

ORGANIZERS = ("org-aurora", "org-praca-viva", "org-mare-alta")
MOBILE_APPS = ("app-ingressos", "app-clube")

CODE_TITLES = (
    "Goiânia VIP", "Imprensa", "Patrocinador Ouro", "Lista da Casa", "Rádio Cidade",
    "Estudantes", "Influenciadores", "Amigos do Artista", "Pré-venda Clube", "Parceria Café",
)  # fmt: skip

FIRST_NAMES = (
    "Ana", "João", "Beatriz", "Antônio", "Camila", "José", "Débora", "Luís", "Fernanda", "Márcio",
    "Gabriela", "Otávio", "Heloísa", "Rafael", "Inês", "Sebastião", "Juliana", "Thiago", "Lívia",
    "Vinícius", "Mônica", "Wagner", "Patrícia", "Cauã", "Renata", "Davi", "Sílvia", "Érico",
)  # fmt: skip
LAST_NAMES = (
    "Silva", "Souza", "Gonçalves", "Araújo", "Pereira", "Conceição", "Oliveira", "Magalhães",
    "Santos", "Simões", "Ribeiro", "Guimarães", "Almeida", "Leão", "Barbosa", "Falcão", "Cardoso",
    "Brandão", "Moraes", "Assunção", "Teixeira", "Câmara",
)  # fmt: skip

GOODS = {
    "Camiseta": 89_90, "Moletom": 219_90, "Boné": 79_00, "Pôster": 45_00, "Caneca": 49_90,
    "Ecobag": 39_90, "Vinil": 189_00, "Chaveiro": 19_90, "Copo Térmico": 99_00, "Caderno": 34_50,
    "Broche": 15_00, "Canga": 69_90, "Meias": 29_90, "Jaqueta Corta-vento": 329_00,
    "Livreto de Fotos": 120_00, "Ímã de Geladeira": 12_50,
}  # fmt: skip
COLLECTIONS = ("Aurora", "Samba de Raiz", "Pôr do Sol", "Maré Alta", "Edição São João")
